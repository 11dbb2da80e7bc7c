"""Reads sets of mailboxes as another implementation sees them: CRoaring, through pyroaring.

One JSON value a line comes in: an array of numbers, or the base64 of a portable Roaring bitmap. One line
goes out for each: how many members it has, the first, the last, their sum, and the set as the base64 that
this implementation writes.
"""

import base64
import json
import sys

from pyroaring import BitMap

for line in sys.stdin:
    written = json.loads(line)
    if isinstance(written, list):
        numbers = BitMap(written)
    else:
        numbers = BitMap.deserialize(base64.b64decode(written, validate=True))
    numbers.run_optimize()
    again = base64.b64encode(numbers.serialize()).decode()
    ends = (numbers.min(), numbers.max()) if numbers else (0, 0)
    print(len(numbers), *ends, sum(numbers), again)
