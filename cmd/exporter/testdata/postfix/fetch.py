"""fetch.py MAILDIR N: waits for N mails, prints what is in them, and leaves their
attachments in the folder got."""
import email, email.policy, os, sys, time

box, want, until = sys.argv[1], int(sys.argv[2]), time.time() + 30
while True:
    found = sorted(os.listdir(f"{box}/new")) if os.path.isdir(f"{box}/new") else []
    if len(found) >= want or time.time() > until:
        break
    time.sleep(0.05)
os.makedirs("got", exist_ok=True)
print("mails:", len(found))
for name in found:
    with open(f"{box}/new/{name}", "rb") as f:
        m = email.message_from_binary_file(f, policy=email.policy.default)
    for header in ("Subject", "From", "To", "Message-ID", "Auto-Submitted"):
        print(f"{header}: {m[header]}")
    print("Received:", " ".join(m["Received"].split()))
    html = m.get_body(("html",))
    print("text:", len(m.get_body(("plain",)).get_content()) > 0, "html:", html is not None)
    for p in m.walk():
        if p["Content-ID"]:
            print("inline:", p.get_content_type(), p["Content-ID"][1:-1] in html.get_content())
        if p.get_content_disposition() == "attachment":
            print("attachment:", p.get_filename(), p.get_content_type())
            with open(f"got/{p.get_filename()}", "wb") as out:
                out.write(p.get_payload(decode=True))
        for d in p.defects:
            print("defect:", d)
