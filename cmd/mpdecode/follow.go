package main

func followCommand() *command { return &command{name: "follow", flags: nil} }
