"""What every program here needs: its options, the issuer's address, and a person who does what it asks for."""

import json
import os
import socket
import sys
from urllib.parse import urlsplit

options = json.loads(sys.argv[1])
issuer = options["issuer"]

# requests and what is built on it trust this CA, and no other.
os.environ["REQUESTS_CA_BUNDLE"] = options["caFile"]

_resolve = socket.getaddrinfo


def _resolve_issuer(host, port, *rest, **more):
    """The issuer's name leads to the gateway of the test, as a hosts file would have it, and its port too."""
    if host == urlsplit(issuer).hostname:
        host, port = "127.0.0.1", options["port"]
    return _resolve(host, port, *rest, **more)


socket.getaddrinfo = _resolve_issuer


def ask(what, **values):
    """Has a person do something, and waits for it; a dict of what came of it."""
    print(json.dumps({"ask": what, "values": values}), flush=True)
    return json.loads(sys.stdin.readline())


def tell(**result):
    """How it ended; the last thing that a program says."""
    print(json.dumps({"result": result}), flush=True)
