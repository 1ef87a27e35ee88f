"""Authlib as a relying party: code with PKCE, userinfo, refresh, introspection, revocation, a machine's token, a device."""



from stage import ask, issuer, options, tell

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

metadata = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=10).json()
assert metadata["issuer"] == issuer
shop = options["shop"]
nonce, verifier = "a nonce of authlib's", "v" * 64


def session_of(client, **more):
    return OAuth2Session(
        client["id"],
        client.get("secret"),
        token_endpoint_auth_method="client_secret_basic" if "secret" in client else "none",
        token_endpoint=metadata["token_endpoint"],
        **more,
    )


def verify_id_token(token):
    """As Authlib's integrations do it."""
    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=10).json())
    decoded = jwt.decode(token["id_token"], keys, algorithms=metadata["id_token_signing_alg_values_supported"])
    claims = CodeIDToken(
        decoded.claims,
        decoded.header,
        {"iss": {"value": issuer}, "aud": {"value": shop["id"]}},
        {"nonce": nonce, "client_id": shop["id"], "access_token": token["access_token"]},
    )
    claims.validate(leeway=5)
    return claims


session = session_of(
    shop,
    scope="openid email offline_access",
    redirect_uri=shop["redirectUri"],
    code_challenge_method="S256",
)
url, state = session.create_authorization_url(
    metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce, prompt="consent"
)
assert create_s256_code_challenge(verifier) in url
callback = ask("sign in", url=url)["url"]
token = session.fetch_token(
    metadata["token_endpoint"], authorization_response=callback, code_verifier=verifier, state=state
)
claims = verify_id_token(token)
person = session.get(metadata["userinfo_endpoint"]).json()
assert person["sub"] == claims["sub"]

refreshed = session.refresh_token(metadata["token_endpoint"], token["refresh_token"])
assert refreshed["refresh_token"] != token["refresh_token"]
active = session.introspect_token(metadata["introspection_endpoint"], token=refreshed["access_token"]).json()["active"]
session.revoke_token(metadata["revocation_endpoint"], token=refreshed["refresh_token"]).raise_for_status()
afterwards = session.introspect_token(metadata["introspection_endpoint"], token=refreshed["access_token"]).json()

machine = session_of(shop).fetch_token(metadata["token_endpoint"], grant_type="client_credentials")

television = session_of(options["television"])
device = requests.post(
    metadata["device_authorization_endpoint"],
    {"client_id": options["television"]["id"], "scope": "openid email"},
    timeout=10,
).json()


def poll():
    return television.fetch_token(
        metadata["token_endpoint"],
        grant_type="urn:ietf:params:oauth:grant-type:device_code",
        device_code=device["device_code"],
    )


try:
    poll()
    pending = None
except Exception as error:  # Authlib's error of whatever code the answer has
    pending = getattr(error, "error", str(error))
ask("connect a device", url=device["verification_uri"], code=device["user_code"])
connected = poll()

tell(
    subject=claims["sub"],
    email=person["email"],
    token_type=token["token_type"],
    active=active,
    active_afterwards=afterwards["active"],
    machine_scope=machine.get("scope", ""),
    pending=pending,
    device_scope=connected["scope"],
    id_token=token["id_token"],
    end_session_endpoint=metadata["end_session_endpoint"],
)
