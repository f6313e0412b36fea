// Package evidence makes bundles that an auditor checks without this program, with
// sha256sum, ssh-keygen and openssl, and checks them itself.
//
// A bundle is a bag (BagIt 1.0, RFC 8493), as a folder and as a zip with that folder
// as its only one:
//
//	evidence-2026-01-01-2026-03-31-full/
//	  bagit.txt                        BagIt-Version: 1.0
//	  bag-info.txt                     Label: Value, one a line, see [Info]
//	  data/...                         the payload, see [Writer]
//	  manifest-sha256.txt              of every file below data, as sha256sum -c reads it
//	  allowed_signers                  a copy: the one that counts is got by another way
//	  VERIFY.txt                       the commands
//	  tsa-roots.pem                    whose time stamps are taken, if there is one
//	  tagmanifest-sha256.txt           of every file above
//	  tagmanifest-sha256.txt.sig       its signature (SSHSIG)
//	  tagmanifest-sha256.txt.sig.tsr   the signature's time stamp (RFC 3161), if there is one
//
// A line of a manifest is the SHA-256 in lower case, two blanks, the path:
//
//	5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03  data/README.txt
//
// So one signature holds everything: it signs the tag manifest, that holds the hash
// of the manifest, and that those of the payload. bag-info.txt says where the
// journal ended when the bundle was sealed (Journal-Length, Journal-Head);
// data/journal.ndjson is its lines up to there, see [exporter/internal/journal]. In
// a bundle under a mask the details of the lines are masked, and in place of its salt
// a line has the hash of the line that it stands for, so that the chain can still be
// followed; that the other members say what those of that line do, it does not show:
//
//	{"prev":"0000...","seq":1,"at":"2026-01-02T06:00:00Z","kind":"mail","sha256":"9f2c...","detail":{...}}
//
// The invariant: what stands under a bundle's final name is whole, sealed and on the
// disk; and what [Open] has accepted can be unpacked anywhere: plain files below one
// folder, with names that no system takes for something else.
//
// The package does not know what the files of the payload mean, apart from the
// journal: neither DuckDB nor reports, nor the cloud, nor mail. It does not decide
// whom to trust: who calls it brings the keys, the roots, the lines of old mails.
package evidence
