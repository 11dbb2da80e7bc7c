"""Verifies a token as a provider does, with the published keys and a library of its own.

Standard input: {"jwks": ..., "token": ..., "issuer": ..., "now": seconds since 1970}, or "jwks_uri" instead of "jwks", the
URL of the keys. Prints the claims as JSON, or the name of the error.
"""

import json
import sys

import jwt

given = json.load(sys.stdin)
try:
    header = jwt.get_unverified_header(given["token"])
    if header.get("typ") != "voucher+jwt":
        raise jwt.InvalidTokenError("another use")
    if "jwks_uri" in given:
        keys = jwt.PyJWKClient(given["jwks_uri"]).get_jwk_set()
    else:
        keys = jwt.PyJWKSet.from_dict(given["jwks"])
    claims = jwt.decode(
        given["token"],
        keys[header["kid"]].key,
        # Never what the token says.
        algorithms=["EdDSA"],
        issuer=given["issuer"],
        # The test's clock is not the machine's: it looks at the end itself.
        options={"require": ["iss", "sub", "iat"], "verify_exp": False, "verify_iat": False},
    )
    if claims.get("exp", given["now"] + 1) <= given["now"]:
        raise jwt.ExpiredSignatureError("expired")
except (jwt.InvalidTokenError, KeyError) as wrong:
    print(json.dumps({"refused": type(wrong).__name__}))
else:
    print(json.dumps(claims))
