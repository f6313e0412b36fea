package sandbox

import (
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"strconv"
	"time"
)

// The documents' real ids are Twitter snowflakes: id>>22 is the millisecond
// since snowflakeEpoch in which the object was made.
const snowflakeEpoch = 1288834974657

// snowflake returns the id of something made at ms; low sets the 22 bits
// below the time.
func snowflake(ms int64, low uint64) string {
	return strconv.FormatUint(uint64(ms-snowflakeEpoch)<<22|low&(1<<22-1), 10)
}

// mint makes ids that never repeat. It is used under the site's lock.
type mint struct{ n uint64 }

func (m *mint) idMS(ms int64) string {
	m.n++
	return snowflake(ms, m.n)
}

// appendTID appends a trace id as the real ones are made: a UUID of version 1
// without dashes, whose time is the request's.
func appendTID(dst []byte, at time.Time, n uint64) []byte {
	ticks := uint64(at.UnixMilli())*10000 + n%10000 + 0x01B21DD213814000
	var u [16]byte
	binary.BigEndian.PutUint32(u[0:], uint32(ticks))
	binary.BigEndian.PutUint16(u[4:], uint16(ticks>>32))
	binary.BigEndian.PutUint16(u[6:], uint16(ticks>>48)&0x0fff|0x1000)
	copy(u[8:], "\x84\xfd\x22\x37\xf0\x52\x8b\x74")
	return hex.AppendEncode(dst, u[:])
}

// mix hashes numbers to a number: the seeded randomness of sites and faults.
func mix(xs ...uint64) uint64 {
	h := uint64(0x9e3779b97f4a7c15)
	for _, x := range xs {
		h = scramble(h ^ x)
	}
	return h
}

func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// sum hashes texts to a number for mix.
func sum(parts ...string) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return h.Sum64()
}

// siteZone is UTC+8: starts and ends in the documents' samples are midnights
// there (A153: 2022-09-08 00:00, A151: 2050-12-31 23:59:59).
var siteZone = time.FixedZone("UTC+8", 8*3600)

// Permanent is the end that the documents' samples give permissions without
// an end: 2050-12-31 23:59:59 in UTC+8 (A151, B287).
const Permanent int64 = 2556115199000

const dayMS = 24 * 3600 * 1000

// midnight returns the start of the day of t in UTC+8.
func midnight(t time.Time) time.Time {
	y, m, d := t.In(siteZone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, siteZone)
}
