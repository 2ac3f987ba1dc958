package main

func fieldsCommand() *command { return &command{name: "fields", flags: nil} }
