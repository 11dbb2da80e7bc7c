"""Prints the documents of YAML files as JSON: a list for each file. A key that is there twice is an error."""

import json
import sys

import yaml


class Strict(yaml.SafeLoader):
    """PyYAML takes the last of two equal keys in silence; nobody means that."""

    def compose_mapping_node(self, anchor):
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                problem = f"{key.value!r} is there twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value)
        return node


json.dump([list(yaml.load_all(open(path), Strict)) for path in sys.argv[1:]], sys.stdout)
