// Package lab builds small networks out of Linux network namespaces: for the live
// tests of the project, and for people who want to play (mppeer lab). A [Lab] has
// spaces (namespaces) joined by veth pairs; a [Space] has addresses, routes, sysctls
// and MPTCP endpoints, runs functions and commands inside it, and tells what its
// kernel counted.
//
// Nothing of a lab survives its process for long. Close, the end of the test and a
// signal take it down; commands die with the process that started them; what is left
// after SIGKILL is removed by the next New, which knows its own by the prefix of the
// names and by the process id in them.
//
// Like a bufio.Scanner a lab keeps its first error: what builds it returns nothing,
// later calls do nothing, and Err tells. A lab made by [Test] fails its test at once
// instead.
//
// The package needs root (CAP_NET_ADMIN and CAP_SYS_ADMIN) and the ip command. It
// knows nothing of this project's stack.
package lab
