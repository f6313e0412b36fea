package sandbox

func newDemo(s *Server) *living { return newDocumented(s) }
