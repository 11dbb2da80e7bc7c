"""Verifies an export of the message log: verify_export.py EXPORT.zip JWKS.json"""

import hashlib
import json
import sys
import zipfile

import jwt

export, jwks = zipfile.ZipFile(sys.argv[1]), json.load(open(sys.argv[2]))
manifest_bytes, token = export.read("manifest.json"), export.read("manifest.jws").decode()
manifest, header = json.loads(manifest_bytes), jwt.get_unverified_header(token)
assert header["typ"] == "log-export+jwt", header
key = next(key for key in jwks["keys"] if key["kid"] == header["kid"])
claims = jwt.decode(
    token, jwt.PyJWK(key).key, algorithms=["EdDSA"], issuer="cec-pac", options={"verify_iat": False}
)


def is_signed(manifest_bytes):
    return hashlib.sha256(manifest_bytes).hexdigest() == claims["manifest_sha256"]


assert is_signed(manifest_bytes)
assert not is_signed(manifest_bytes.replace(b'"rows": 2', b'"rows": 1'))
for file in manifest["files"]:
    content = export.read(file["name"])
    assert len(content) == file["bytes"], file
    assert hashlib.sha256(content).hexdigest() == file["sha256"], file
rows = json.loads(export.read("messages.json"))
assert len(rows) == manifest["rows"] == claims["rows"]
assert claims["request"] == manifest["request"]
print(f"{len(manifest['files'])} files, {len(rows)} rows, signed; an altered manifest is refused")
