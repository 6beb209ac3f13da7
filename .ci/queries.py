"""The queries of Grafana dashboards as recording rules, so that promtool reads them."""

import json
import sys

queries = []
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        for panel in json.load(file)["panels"]:
            queries += [target["expr"] for target in panel.get("targets", [])]
if not queries:
    sys.exit("no dashboard asks for anything")

# A document of YAML is one of JSON.
rules = [
    {"record": f"query:{number}", "expr": query.replace("$__rate_interval", "1m")}
    for number, query in enumerate(queries)
]
print(json.dumps({"groups": [{"name": "dashboards", "rules": rules}]}, indent=1))
