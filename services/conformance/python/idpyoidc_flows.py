"""idpyoidc as a relying party: discovery, code with PKCE, userinfo, refresh, sign-out that the application starts."""

from urllib.parse import parse_qsl, urlsplit

from stage import ask, issuer, options, tell

from idpyoidc.client.oauth2.stand_alone_client import StandAloneClient

shop = options["shop"]
client = StandAloneClient(
    client_type="oidc",
    httpc_params={"timeout": 10},
    config={
        "issuer": issuer,
        "client_id": shop["id"],
        "client_secret": shop["secret"],
        "client_type": "oidc",
        "redirect_uris": [shop["redirectUri"]],
        "post_logout_redirect_uris": [shop["signedOutUri"]],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "client_authn_methods": ["client_secret_basic", "bearer_header"],
        "response_types_supported": ["code"],
        "scopes_supported": ["openid", "email", "offline_access"],
        "provider_info": {"issuer": issuer},
        "add_ons": {
            "pkce": {
                "function": "idpyoidc.client.oauth2.add_on.pkce.add_support",
                "kwargs": {"code_challenge_length": 64, "code_challenge_method": "S256"},
            }
        },
    },
    services={
        "discovery": {"class": "idpyoidc.client.oidc.provider_info_discovery.ProviderInfoDiscovery"},
        "authorization": {"class": "idpyoidc.client.oidc.authorization.Authorization"},
        "accesstoken": {"class": "idpyoidc.client.oidc.access_token.AccessToken"},
        "refresh_token": {"class": "idpyoidc.client.oidc.refresh_access_token.RefreshAccessToken"},
        "userinfo": {"class": "idpyoidc.client.oidc.userinfo.UserInfo"},
        "end_session": {"class": "idpyoidc.client.oidc.end_session.EndSession"},
    },
)
assert client.do_provider_info() == issuer
client.do_client_registration()

url = client.init_authorization(req_args={"scope": ["openid", "email", "offline_access"], "prompt": "consent"})
callback = ask("sign in", url=url)["url"]
answer = client.finalize(dict(parse_qsl(urlsplit(callback).query)))
assert "error" not in answer, answer
state = answer["state"]

before = client.get_context().cstate.get_set(state, claim=["refresh_token"])["refresh_token"]
refreshed = client.refresh_access_token(state)
assert refreshed["refresh_token"] != before
person = client.get_user_info(state)

request = client.get_service("end_session").get_request_parameters(state=state)
signed_out = ask("sign out", url=request["url"])["url"]

tell(
    subject=answer["id_token"]["sub"],
    userinfo_subject=person["sub"],
    email=answer["userinfo"]["email"],
    signed_out=signed_out,
)
