package main

func verifyCommand() *command { return &command{name: "verify", flags: nil} }
