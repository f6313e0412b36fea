package main

import (
	"fmt"
	"net/url"
	"strings"

	"exporter/internal/cloud"
	"exporter/internal/evidence"
)

// evidenceConfig says who seals evidence bundles, for whom, and who is told.
type evidenceConfig struct {
	Key        string       `yaml:"key"`      // a file, made by evidence keygen
	Identity   string       `yaml:"identity"` // NAME@DOMAIN, whose key it is
	Passphrase cloud.Secret `yaml:"passphrase"`
	// Organization stands in bag-info.txt.
	Organization string `yaml:"organization"`
	// Recipients are the age or ssh keys that the zip is encrypted to.
	Recipients []string        `yaml:"recipients"`
	Timestamp  timestampConfig `yaml:"timestamp"`
	// Announce are the addresses that are told of a bundle, with the journal's end.
	Announce []string `yaml:"announce"`
}

// timestampConfig is a server that gives time stamps by RFC 3161, and a file of the
// certificates that it is trusted by.
type timestampConfig struct {
	URL   string `yaml:"url"`
	Roots string `yaml:"roots"`
}

func (c *config) validateEvidence(fault func(key, format string, args ...any)) {
	e := &c.Evidence
	e.Key, e.Timestamp.Roots = c.abs(e.Key), c.abs(e.Timestamp.Roots)
	if e.Identity != "" {
		if _, err := evidence.Namespace(e.Identity); err != nil {
			fault("evidence.identity", "%v", err)
		}
	}
	if e.Key != "" && e.Identity == "" {
		fault("evidence.identity", "missing, although evidence.key is given: whose key it is, as evidence@example.com")
	}
	if strings.ContainsAny(e.Organization, "\r\n") {
		fault("evidence.organization", "must be one line")
	}
	if err := evidence.CheckRecipients(e.Recipients); err != nil && len(e.Recipients) > 0 {
		fault("evidence.recipients", "%v", err)
	}
	t := e.Timestamp
	if u, err := url.Parse(t.URL); t.URL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		fault("evidence.timestamp.url", "%q is no address such as https://tsa.example.com", t.URL)
	}
	if (t.URL == "") != (t.Roots == "") {
		fault("evidence.timestamp", "url and roots go together: the server, and a PEM file of the certificates it is trusted by")
	}
	for i, to := range e.Announce {
		if err := c.Mail.checkRecipient(to); err != nil {
			fault(fmt.Sprintf("evidence.announce[%d]", i), "%v", err)
		}
	}
	if len(e.Announce) > 0 && (c.Mail.Server == "" || c.Mail.From == "") {
		fault("mail.server", "mail.server and mail.from are needed, for evidence.announce names who is told")
	}
}
