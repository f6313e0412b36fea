package main

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"exporter/internal/schedule"
)

// scheduleConfig says when something is due and what becomes of missed slots.
type scheduleConfig struct {
	Schedule string          `yaml:"schedule"`
	Timezone string          `yaml:"timezone"` // the store's where there is none
	Missed   schedule.Policy `yaml:"missed"`

	spec *schedule.Spec // nil where nothing is due
}

// serveConfig is how serve runs.
type serveConfig struct {
	// Listen is where health and metrics are told; "" or off is nowhere.
	Listen string `yaml:"listen"`
	// Wait is how long a report waits for the collection of its slot.
	Wait time.Duration `yaml:"wait"`
	// Grace is how long what is running may go on when serve is stopped.
	Grace time.Duration `yaml:"grace"`
	// Out is the folder for the files of reports that are due.
	Out string `yaml:"out"`
}

// validateServe checks when things are due, and how serve runs.
func (c *config) validateServe(fault func(key, format string, args ...any)) {
	c.validateSchedule("collect", &c.Collect.Due, fault)
	for i := range c.Reports {
		c.validateSchedule(fmt.Sprintf("reports[%d]", i), &c.Reports[i].Due, fault)
	}
	if c.Serve.Out == "" {
		fault("serve.out", "missing")
	}
	c.Serve.Out = c.abs(c.Serve.Out)
	c.validateWhen(fault)
	if c.Serve.Listen == "off" {
		c.Serve.Listen = ""
	}
	if c.Serve.Listen != "" {
		host, port, err := net.SplitHostPort(c.Serve.Listen)
		n, portErr := strconv.Atoi(port)
		switch {
		case err != nil || portErr != nil || n < 0 || n > 65535:
			fault("serve.listen", "%q is no address with a port, such as 127.0.0.1:9095 (or off)", c.Serve.Listen)
		case host == "":
			fault("serve.listen", "%q names no address: 127.0.0.1%[1]s is this machine alone, 0.0.0.0%[1]s everybody who can reach it", c.Serve.Listen)
		case host != "localhost" && net.ParseIP(host) == nil:
			fault("serve.listen", "%q is no IP address", host)
		}
	}
	if c.Serve.Wait < 0 {
		fault("serve.wait", "must not be negative")
	}
	if c.Serve.Grace < 0 {
		fault("serve.grace", "must not be negative")
	}
}

// validateSchedule parses what is due under a key.
func (c *config) validateSchedule(key string, s *scheduleConfig, fault func(key, format string, args ...any)) {
	zone := c.zone
	if s.Timezone != "" {
		var err error
		if zone, err = time.LoadLocation(s.Timezone); err != nil || s.Timezone == "Local" {
			fault(key+".timezone", "unknown zone %q (use a name such as Asia/Shanghai)", s.Timezone)
			return
		}
	}
	set := s.Missed != ""
	if s.Missed = cmp.Or(s.Missed, schedule.Once); !slices.Contains(schedule.Policies, s.Missed) {
		fault(key+".missed", "%q is not one of once, all, skip", s.Missed)
	}
	if s.Schedule == "" && (s.Timezone != "" || set) {
		fault(key+".schedule", "missing, although there is a timezone or missed")
	}
	if s.Schedule == "" || zone == nil { // the store's zone is told
		return
	}
	var err error
	if s.spec, err = schedule.Parse(s.Schedule, zone); err != nil {
		fault(key+".schedule", "%v", err)
	}
}
