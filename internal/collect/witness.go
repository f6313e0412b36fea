package collect

import "exporter/internal/store"

// Call is one request of a run and what came of it. It has no personal data.
type Call struct {
	Snapshot, Project, Operation string
	Page                         int // 0 where no answer came that could be used
	TID                          string
	T                            int64 // the cloud's clock in ms, 0 when absent
	HTTPStatus, Code, Attempt    int
	Rows                         int
	Total                        *int64 // nil where the answer gives none
	// Kept is set where an interrupted run made the call, which this one takes up.
	Kept bool
}

// witness tells of the calls of one project.
type witness struct {
	told              func(Call)
	snapshot, project string
}

func (w witness) see(c store.Call, total *int64, kept bool) {
	if w.told == nil {
		return
	}
	w.told(Call{Snapshot: w.snapshot, Project: w.project, Operation: c.Operation, Page: c.Page, TID: c.TID, T: c.T,
		HTTPStatus: c.HTTPStatus, Code: c.Code, Attempt: c.Attempt, Rows: c.Rows, Total: total, Kept: kept})
}
