"""Commands of the coordinator, verified and read strictly: sections 3, 4 and 5 of docs/protocol.md."""
import base64
import datetime
import hashlib
import json
import re


class Poison(Exception):
    """What can never be handled: the delivery is terminated. The text repeats nothing of the message (P-ACK-5, P-ERR-2)."""


# --- Section 4: Ed25519 (RFC 8032, 5.1.7) over subject and body. ---

_P, _L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P


def _add(a, b):  # extended homogeneous coordinates (X, Y, Z, T)
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % _P, (a[1] + a[0]) * (b[1] + b[0]) % _P
    g, h = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    w, x, y, z = f - e, h - g, h + g, f + e
    return w * x % _P, y * z % _P, x * y % _P, w * z % _P


def _multiply(scalar, point):
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = _add(total, point)
        point, scalar = _add(point, point), scalar >> 1
    return total


def _compress(point):
    inverse = pow(point[2], _P - 2, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _decompress(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    xx = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(xx, (_P + 3) // 8, _P)
    if (x * x - xx) % _P:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    if y >= _P or (x * x - xx) % _P or (x == 0 and sign):
        return None
    x = _P - x if x & 1 != sign else x
    return x, y, 1, x * y % _P


_BASE = _decompress((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little"))


def ed25519_verify(key, message, signature):
    """Whether the raw 32-byte key made the 64-byte signature."""
    public, s = _decompress(key), int.from_bytes(signature[32:], "little")
    if public is None or len(signature) != 64 or s >= _L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % _L
    minus = (_P - public[0], public[1], 1, _P - public[3])
    return _compress(_add(_multiply(s, _BASE), _multiply(k, minus))) == signature[:32]


def decode_key(text):
    """The raw key of an nkeys public key, U... (P-SIG-7)."""
    try:
        data = base64.b32decode(text) if len(text) == 56 else b""
    except ValueError:
        data = b""
    crc = 0
    for byte in data[:33]:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    if len(data) != 35 or data[0] != 0xA0 or int.from_bytes(data[33:], "little") != crc:
        raise ValueError("a trusted key is not a public key in nkeys form (U...)")
    return data[1:33]


def verify(subject, headers, body, trusted):
    """Refuses what none of the trusted keys, {text: raw}, has signed (P-SIG-3 to P-SIG-5)."""
    key = trusted.get(headers.get("Td-Key", ""))
    if key is None:
        raise Poison("not verified: not made by a trusted key")
    try:
        signature = base64.b64decode(headers.get("Td-Signature", ""), validate=True)
    except ValueError:
        signature = b""
    if not ed25519_verify(key, b"tenant-deletion/1\n" + subject.encode() + b"\n" + body, signature):
        raise Poison("not verified: the signature does not match subject and body")


# --- Sections 3 and 5: a command, read strictly. ---

TENANT = re.compile(r"[A-Za-z0-9_-]{1,64}")
PARTICIPANT = re.compile(r"[a-z][a-z0-9_]{0,31}")
REASON = re.compile(r"[a-z][a-z_]{0,63}")
JOB = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
SCHEMA = re.compile(r"urn:tenant-deletion:([a-z.]+):(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})")
TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})")
BODY_MAX, DEPTH_MAX, COUNT_MAX = 65536, 16, 2**63 - 1
REQUESTED, REPLAYED = "tenant.deletion.requested", "tenant.deletion.replayed"

ENVELOPE_KEYS = ("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data")
COMMAND_KEYS = ("job_id", "tenant_id", "generation", "wave", "attempt", "participants", "reason", "requested_at", "expires_at")


def must(holds, text):
    if not holds:
        raise Poison("not an event of the contract: " + text)


def read_json(body):
    """JSON with each key once, in UTF-8, nested no deeper than the contract allows (P-ENV-1, P-ENV-4, P-ERR-1)."""
    def once(pairs):
        must(len(pairs) == len({key for key, _ in pairs}), "a key appears twice")
        return dict(pairs)

    def bounded(value, depth):
        must(depth <= DEPTH_MAX, "nested too deep")
        for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            bounded(child, depth + 1)

    must(len(body) <= BODY_MAX, "the body is too large")
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=once, parse_constant=lambda _: must(False, "not JSON"))
    except (ValueError, RecursionError):
        raise Poison("not an event of the contract: not JSON") from None
    must(isinstance(value, dict), "not an object")
    bounded(value, 1)
    return value


def keys(value, required, optional, others):
    """The keys are those of the schema, spelt so, and none is null (P-ENV-3 to P-ENV-6, P-VER-3, P-VER-4)."""
    must(isinstance(value, dict), "not an object")
    known = set(required) | set(optional)
    must(all(key in value for key in required), "a key is missing")
    must(all(value[key] is not None for key in known & value.keys()), "null is no value")
    strange = value.keys() - known
    must(not any(key.casefold() in known for key in strange), "a key is spelt differently")
    must(others or not strange, "a key that the schema does not have")


def text(value, form, name):
    must(isinstance(value, str) and form.fullmatch(value) is not None, name)
    return value


def at_least_one(value, name):
    must(type(value) is int and 1 <= value <= COUNT_MAX, name)  # True and 1.0 are no integers here


def instant(value, name):
    """A time of RFC 3339 as nanoseconds since 1970 (P-ENV-7)."""
    found = TIME.fullmatch(value) if isinstance(value, str) else None
    must(found is not None, name)
    try:
        offset = "+00:00" if found[3] == "Z" else found[3]
        seconds = int(datetime.datetime.fromisoformat(found[1] + offset).timestamp())
    except (ValueError, OverflowError):
        raise Poison("not an event of the contract: " + name) from None
    return seconds * 10**9 + int((found[2] or ".0")[1:10].ljust(9, "0"))


def read_command(subject, body):
    """The envelope and the data of a command that came on the subject."""
    event = read_json(body)
    keys(event, ENVELOPE_KEYS, ("traceparent",), others=True)
    must(event["specversion"] == "1.0", "specversion")
    must(event["datacontenttype"] == "application/json", "datacontenttype")
    for key in ("id", "source"):
        must(isinstance(event[key], str) and 1 <= len(event[key]) <= 128, key)
    must(event["type"] in (REQUESTED, REPLAYED), "the type is no command")
    instant(event["time"], "time")
    if event.get("traceparent"):
        text(event["traceparent"], TRACE, "traceparent")
    schema = SCHEMA.fullmatch(event["dataschema"]) if isinstance(event["dataschema"], str) else None
    must(schema is not None and schema[1] == event["type"], "dataschema")
    must(schema[2] == "1", "an unknown major version")

    command = event["data"]
    keys(command, COMMAND_KEYS, ("erase_again",), others=int(schema[3]) > 0)
    text(command["job_id"], JOB, "job_id")
    tenant = text(command["tenant_id"], TENANT, "tenant_id")
    for key in ("generation", "wave", "attempt"):
        at_least_one(command[key], key)
    names = command["participants"]
    must(isinstance(names, list) and 1 <= len(names) <= 256, "participants")
    for name in names:
        text(name, PARTICIPANT, "participants")
    text(command["reason"], REASON, "reason")
    must(isinstance(command.get("erase_again", False), bool), "erase_again")
    must(instant(command["expires_at"], "expires_at") > instant(command["requested_at"], "requested_at"), "expires_at")
    must(event["subject"] == tenant, "envelope and data name different tenants")
    must(event["type"] == REQUESTED or len(names) == 1, "a replay names one participant")
    own = f"{REQUESTED}.{tenant}" if event["type"] == REQUESTED else f"{REPLAYED}.{names[0]}.{tenant}"
    must(subject == own, "the NATS subject names another tenant or participant")
    return event, command
