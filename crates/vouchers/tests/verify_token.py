"""A provider of certified mail, who has the published keys and a token, and nothing of ours.

Standard input: {"jwks": ..., "token": ..., "issuer": ..., "now": seconds from 1970}, or "jwks_uri" in place of "jwks", from
where the keys are fetched. Prints what the token says as JSON, or the name of what is wrong with it.
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
