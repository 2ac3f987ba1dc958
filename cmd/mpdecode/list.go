package main

func listCommand() *command                { return &command{name: "list", flags: nil} }
func (a *app) runPackets(cmd *command) int { return 0 }
func (a *app) runWrite(cmd *command) int   { return 0 }
