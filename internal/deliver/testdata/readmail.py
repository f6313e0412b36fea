"""Reads a mail as a mail program does, and prints what it holds as JSON."""
import email, email.policy, hashlib, json, sys

def part(p):
    if p.is_multipart():
        return {"type": p.get_content_type(), "parts": [part(q) for q in p.iter_parts()]}
    content = p.get_payload(decode=True)
    d = {"type": p.get_content_type(), "sha256": hashlib.sha256(content).hexdigest()}
    if p.get_content_maintype() == "text":
        d["text"] = p.get_content()
    if p.get_content_disposition():
        d["disposition"], d["name"] = p.get_content_disposition(), p.get_filename()
    if p["Content-ID"]:
        d["cid"] = p["Content-ID"]
    return d

raw = sys.stdin.buffer.read()
m = email.message_from_bytes(raw, policy=email.policy.default)
defects = [str(d) for p in m.walk() for d in p.defects] + [
    f"{k}: {d}" for p in m.walk() for k, v in p.items() for d in getattr(v, "defects", [])]
print(json.dumps({
    "header": [[k, str(v)] for k, v in m.items()],
    "defects": defects,
    "longest": max(len(l) for l in raw.split(b"\r\n")),
    "bare": raw.replace(b"\r\n", b"").count(b"\n") + raw.replace(b"\r\n", b"").count(b"\r"),
    "ascii": raw.isascii(),
    "body": part(m),
}))
