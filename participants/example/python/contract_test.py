#!/usr/bin/env python3
"""Holds contract.py against the project's examples of commands, right and wrong, and its vectors of signatures."""
import json
import pathlib
import sys

from contract import Poison, decode_key, read_command, verify


def subject_of(body):
    """The subject of the command, as its sender would compute it; anything for what is no command."""
    try:
        event = json.loads(body)
        names, tenant = event["data"].get("participants") or ["nobody"], event["data"].get("tenant_id")
        return f"{event['type']}.{names[0]}.{tenant}" if event["type"].endswith("replayed") else f"{event['type']}.{tenant}"
    except (ValueError, KeyError):
        return "nothing"


def refuses(check, *arguments):
    try:
        check(*arguments)
    except (Poison, ValueError):
        return True
    return False


def verify_vector(vector):
    trusted = {key: decode_key(key) for key in vector["trusted"]}
    verify(vector["subject"], vector["header"], vector["body"].encode(), trusted)


def main(folder):
    seen = 0
    for kind in ("requested", "replayed"):
        for path in sorted(pathlib.Path(folder, f"tenant.deletion.{kind}", "v1").glob("*.json")):
            body = path.read_bytes()
            assert refuses(read_command, subject_of(body), body) == path.name.startswith("invalid"), path
            seen += 1
    for path in sorted(pathlib.Path(folder, "signature", "v1").glob("*.json")):
        assert refuses(verify_vector, json.loads(path.read_text("utf-8"))) == path.name.startswith("invalid"), path
        seen += 1
    print(f"{seen} hold")


if __name__ == "__main__":
    main(sys.argv[1])
