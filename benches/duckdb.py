#!/usr/bin/env python3
"""Holds the cost of replaying a log against that of merely counting it: CPU time of `towtank simulate --requests` over CPU time of
DuckDB, which reads the same file with `read_json_auto` and counts by path, both on two threads.

usage: benches/duckdb.py TOWTANK [LINES=1000000] [ROUNDS=5]

TOWTANK is a release build. The mesh (a gateway host with 1,000 services and 5,000 routes) and the log are written to a temporary
folder first; the log has LINES lines of about 170 bytes, drawn from all routes. DuckDB is `pip install duckdb`. Each side counts
with the time of its process, from start to end; the least of ROUNDS is taken, for other work on the machine only adds to it.
"""
import json
import os
import random
import subprocess
import sys
import tempfile

SERVICES, RULES = 1000, 4
PROXY = "gateway:istio-system:istio=ingressgateway"
COUNT = """
import duckdb, sys
db = duckdb.connect()
db.execute("set threads = 2")
query = "select count(*) from (select path, count(*) from read_json_auto(?) group by path)"
print(db.execute(query, [sys.argv[1]]).fetchone()[0])
"""


def mesh(out):
    """Services with two subsets, and one VirtualService with prefix, header, regex and exact rules and a weighted one for each."""
    rules = []
    for i in range(SERVICES):
        host = f"svc{i}.shop.svc.cluster.local"
        out.write(f"""apiVersion: v1
kind: Service
metadata: {{name: svc{i}, namespace: shop}}
spec: {{selector: {{app: svc{i}}}, ports: [{{name: http, port: 80}}]}}
---
""")
        for version in ("v1", "v2"):
            out.write(f"""apiVersion: v1
kind: Pod
metadata: {{name: svc{i}-{version}, namespace: shop, labels: {{app: svc{i}, version: {version}}}}}
spec: {{containers: [{{name: c, image: c}}]}}
---
""")
        out.write(f"""apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: svc{i}, namespace: shop}}
spec: {{host: {host}, subsets: [{{name: v1, labels: {{version: v1}}}}, {{name: v2, labels: {{version: v2}}}}]}}
---
""")
        path = f"/s{i}/r"
        matches = [
            f"{{uri: {{prefix: {path}0/}}}}",
            f"{{uri: {{prefix: {path}1/}}, headers: {{x-user: {{exact: u1}}}}}}",
            f"{{uri: {{regex: '{path}2/v[0-9]+/.*'}}}}",
            f"{{uri: {{exact: {path}3}}}}",
        ]
        for j, match in enumerate(matches):
            rules.append(f"  - match: [{match}]\n    route: [{{destination: {{host: {host}, subset: v{1 + j % 2}}}}}]\n")
        rules.append(
            f"  - match: [{{uri: {{prefix: /s{i}/}}}}]\n    route:\n"
            f"    - {{destination: {{host: {host}, subset: v1}}, weight: 90}}\n"
            f"    - {{destination: {{host: {host}, subset: v2}}, weight: 10}}\n"
        )
    out.write("""apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gateway, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: istio-system}
spec:
  hosts: [shop.example.com]
  gateways: [gateway]
  http:
""" + "".join(rules))


def log(out, lines):
    random.seed(7)
    for n in range(lines):
        service, rule = random.randrange(SERVICES), random.randrange(RULES)
        path = f"/s{service}/r{rule}"
        path = random.choice([path, f"{path}/x", f"{path}/v{n % 9}/y", f"/s{service}/other", "/nothing"])
        request = {"id": n, "method": "GET", "path": path, "headers": [["x-user", f"u{rule}"]] if n % 3 == 0 else []}
        out.write(json.dumps({**request, "port": 80, "proxy": PROXY, "authority": "shop.example.com"}) + "\n")


def seconds(command):
    """CPU time of a process."""
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


def main():
    towtank = sys.argv[1]
    lines = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    with tempfile.TemporaryDirectory() as folder:
        manifests, requests = os.path.join(folder, "mesh.yaml"), os.path.join(folder, "requests.jsonl")
        with open(manifests, "w") as out:
            mesh(out)
        with open(requests, "w") as out:
            log(out, lines)
        sides = {
            "towtank": [towtank, "simulate", manifests, "--requests", requests, "--threads", "2", "-q"],
            "duckdb": [sys.executable, "-c", COUNT, requests],
        }
        least = {name: min(seconds(command) for _ in range(rounds)) for name, command in sides.items()}
    for name, time in least.items():
        print(f"{name}: {time:.2f} s of CPU for {lines} lines, {lines / time / 1e6:.2f} M lines a second of CPU")
    print(f"ratio: {least['towtank'] / least['duckdb']:.2f}")


main()
