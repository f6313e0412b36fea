package evidence

import "strings"

// Step is a command of VERIFY.txt with its good answer.
type Step struct {
	Title, Command string   // Title is that of the section: 1. Who signed it
	Answer         []string // "..." in a line is any text, as a line any lines
}

// Steps returns the commands in VERIFY.txt for Linux and macOS, in order. A first one
// without an answer is what all others need to have been run before.
func Steps(text string) []Step {
	var steps []Step
	title := ""
	last := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		command, isCommand := strings.CutPrefix(line, "    ")
		answer, isAnswer := strings.CutPrefix(line, "  -> ")
		switch {
		case strings.HasPrefix(line, "---"):
			title = last
		case strings.Contains(title, "Windows"):
		case isCommand && strings.HasPrefix(last, "    "):
			steps[len(steps)-1].Command += "\n" + command
		case isCommand:
			steps = append(steps, Step{Title: title, Command: command})
		case isAnswer:
			steps[len(steps)-1].Answer = append(steps[len(steps)-1].Answer, answer)
		}
		last = line
	}
	return steps
}
