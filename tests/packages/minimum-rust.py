"""Checks that no dependency needs a newer Rust than Cargo.toml states.

usage: cargo metadata --locked --format-version 1 | minimum-rust.py
"""

import json
import sys


def number(version):
    return tuple(int(part) for part in version.split("."))


metadata = json.load(sys.stdin)
members = set(metadata["workspace_members"])
packages = metadata["packages"]
(stated,) = {it["rust_version"] for it in packages if it["id"] in members}
newer = [f"{it['name']} {it['version']}: {it['rust_version']}" for it in packages
         if it["rust_version"] and number(it["rust_version"])[:2] > number(stated)[:2]]
if newer:
    sys.exit(f"these need a newer Rust than {stated}:\n" + "\n".join(sorted(newer)))
print(f"none of {len(packages)} packages needs a newer Rust than {stated}")
