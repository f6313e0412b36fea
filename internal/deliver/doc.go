// Package deliver hands mails to a mail server: every mail once, none lost.
//
// A mail is composed once, by [Compose], and from then on is bytes. The mails of
// a run are put into the [Outbox], a folder, together or not at all, before the
// first is tried:
//
//	outbox/
//	  20260331T070000Z-expiring-permissions/   a run
//	    0001.eml        the bytes, never changed
//	    0001.json       an [Entry]: to whom, how often tried, what was answered
//	    0001.accepted   instead of .json: the server has it, the journal may not know
//	    0002.eml.damaged, 0002.json.damaged    could not be read, set aside
//	  server.json       when the server may be asked again, after it gave no answer
//	  lock              one sender at a time; names its process
//
// A run's folder stays for a while after its mails have gone, so that the run is
// not made again.
//
// The order is: counted as tried, sent, marked as accepted, told (to the
// journal), removed. A crash at any moment therefore loses nothing, and a mail
// is sent again only where the answer to its last dot was not seen; it then has
// the same Message-ID as before, by which mail programs know it.
//
// The package knows what SMTP and a MIME message are, and neither what a report
// is nor where the journal is.
package deliver
