// Package schedule says when something is due and sees to it that each due time,
// a slot, is accounted for: exactly one [Entry] for each slot of each job, in
// order, whether it was run, run late, caught up, skipped, or failed.
//
// Its invariant: a slot that was not accounted for is due until it is. Who keeps
// the entries, and gives the last one back as [Job.Since], loses no slot by a
// crash, a restart, a machine that sleeps or a clock that is set.
//
// It refuses to know what a job does and where entries are kept. Of robfig/cron it
// takes what the fields of a line mean, and not when they are due: on the days on
// which clocks change that leaves slots out, or has them twice.
package schedule
