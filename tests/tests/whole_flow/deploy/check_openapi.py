"""Checks a document of OpenAPI against the schema of its version, read from the input; prints what is wrong."""

import json
import sys

from openapi_spec_validator import OpenAPIV31SpecValidator

for problem in OpenAPIV31SpecValidator(json.load(sys.stdin)).iter_errors():
    print(f"{'/'.join(map(str, problem.absolute_path))}: {problem.message}".splitlines()[0])
