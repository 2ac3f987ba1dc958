package main

func whyCommand() *command { return &command{name: "why", flags: nil} }
