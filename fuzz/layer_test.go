package fuzz

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/mptcp-go/mptcp"

// layers is the house, bottom first: what each package may import of the project.
// docs/design.md says why. Packages that are not listed may import everything.
var layers = []layer{
	{pkg: "checksum", core: true},
	{pkg: "reasm", core: true},
	{pkg: "dataseq", core: true, may: "checksum"},
	{pkg: "wire", core: true, may: "checksum"},
	{pkg: "fsm/cong", core: true},
	{pkg: "fsm/sched", core: true},
	{pkg: "fsm/pathmgr", core: true},
	{pkg: "fsm/tcp", core: true, may: "wire reasm fsm/cong"},
	{pkg: "fsm", core: true, may: "checksum reasm dataseq wire fsm/cong fsm/sched fsm/pathmgr fsm/tcp"},
	{pkg: "fsm/netsim", core: true, may: "fsm wire"},
	{pkg: "fsm/netsim/mbox", core: true, may: "wire fsm/netsim"},
	{pkg: "fsm/netsim/scenario", core: true, may: "fsm fsm/netsim"},
	{pkg: "fsm/explore", core: true, may: "fsm fsm/netsim"},
	{pkg: "pcap", may: "wire", modules: "github.com/klauspost/compress"},
	{pkg: "pcap/packetsource", may: "pcap", modules: "github.com/google/gopacket"},
	{pkg: "pcap/fields", may: "wire pcap"},
	{pkg: "pcap/trace", may: "wire dataseq reasm pcap"},
	{pkg: "peer/lab", modules: "golang.org/x/sys"},
	{pkg: "peer/link", may: "checksum wire", modules: "golang.org/x/sys"},
	{pkg: "peer/bump", may: "checksum wire fsm/netsim peer/link", modules: "golang.org/x/sys"},
	{pkg: "peer", may: "fsm fsm/tcp wire pcap pcap/trace fsm/cong fsm/sched fsm/pathmgr peer/link peer/lab", modules: "golang.org/x/sys"},
}

// open are the packages above the house, with everything below them.
var open = []string{"fuzz", "cmd", "scripts", "testdata", "bench", "docs"}

type layer struct {
	pkg     string
	core    bool   // no clock, no dice, no I/O, no goroutines; standard library only
	may     string // packages of the project
	modules string // other modules, or parts of them
}

var (
	// Packages that reach the world, or make two runs differ, and all below them.
	// net/netip is a plain value.
	worldly = []string{"os", "net", "sync", "syscall", "context", "log", "crypto/rand", "math/rand", "plugin", "testing"}
	// Memory tricks and hidden seeds have no place in the core either.
	tricky = []string{"unsafe", "reflect", "hash/maphash", "C"}
	// The system clock.
	clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}
	// Of math/rand/v2 the core may have generators that it is given or has seeded.
	seeded = []string{"New", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "Source", "PCG", "ChaCha8", "Zipf"}
)

func under(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

func underAny(name string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return under(name, dir) })
}

// breaches says what file, of package pkg, does that its layer does not allow.
func breaches(pkg string, fset *token.FileSet, file *ast.File) (found []string) {
	if underAny(pkg, open) {
		return nil
	}
	at := slices.IndexFunc(layers, func(l layer) bool { return l.pkg == pkg })
	if at < 0 {
		return []string{pkg + " is not in the table of layers"}
	}
	l := layers[at]
	report := func(node ast.Node, format string, args ...any) {
		found = append(found, fmt.Sprintf("%s: %s", fset.Position(node.Pos()), fmt.Sprintf(format, args...)))
	}
	names := map[string]string{} // imported path by its name in the file
	for _, spec := range file.Imports {
		name, _ := strconv.Unquote(spec.Path.Value)
		local := path.Base(name)
		if local == "v2" {
			local = path.Base(path.Dir(name))
		}
		if spec.Name != nil {
			local = spec.Name.Name
		}
		names[local] = name
		first, _, _ := strings.Cut(name, "/")
		switch {
		case under(name, module):
			if own := strings.TrimPrefix(name, module+"/"); !slices.Contains(strings.Fields(l.may), own) {
				report(spec, "%s imports %s", pkg, own)
			}
		case strings.Contains(first, "."):
			if !underAny(name, strings.Fields(l.modules)) {
				report(spec, "%s imports %s", pkg, name)
			}
		case !l.core:
		case name == "math/rand/v2" || name == "net/netip":
		case underAny(name, worldly) || underAny(name, tricky):
			report(spec, "%s imports %s", pkg, name)
		}
		if l.core && local == "." {
			report(spec, "%s imports %s without a name", pkg, name)
		}
	}
	if !l.core {
		return found
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.GoStmt:
			report(n, "a goroutine")
		case *ast.ChanType:
			report(n, "a channel")
		case *ast.SelectStmt:
			report(n, "a select")
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if !ok || x.Obj != nil { // a local name hides the package
				return true
			}
			switch names[x.Name] {
			case "time":
				if slices.Contains(clock, n.Sel.Name) {
					report(n, "the system clock: time.%s", n.Sel.Name)
				}
			case "math/rand/v2":
				if !slices.Contains(seeded, n.Sel.Name) {
					report(n, "the global dice: rand.%s", n.Sel.Name)
				}
			}
		}
		return true
	})
	return found
}

// TestLayers holds every Go file of the project against the table of layers: packages
// import only what stands below them, and the core has no clock, no dice and no I/O.
func TestLayers(t *testing.T) {
	fset := token.NewFileSet()
	files := 0
	walk(t, func(name string, _ fs.DirEntry) {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return
		}
		file, err := parser.ParseFile(fset, filepath.Join("..", name), nil, 0)
		if !assert.NoError(t, err) {
			return
		}
		files++
		for _, breach := range breaches(path.Dir(name), fset, file) {
			t.Error(breach)
		}
	})
	require.Greater(t, files, 50, "files of the project found")
}

// TestLayersCanFail breaks each rule once.
func TestLayersCanFail(t *testing.T) {
	own := func(pkgs ...string) (src string) {
		for _, p := range pkgs {
			src += "import _ \"" + module + "/" + p + "\"\n"
		}
		return src
	}
	for _, c := range []struct{ pkg, src, want string }{
		{"wire", own("checksum"), ""},
		{"wire", own("dataseq"), "wire imports dataseq"},
		{"checksum", own("wire"), "checksum imports wire"},
		{"fsm/tcp", own("wire", "reasm", "fsm/cong"), ""},
		{"fsm/tcp", own("fsm"), "fsm/tcp imports fsm"},
		{"fsm", own("fsm/tcp", "dataseq"), ""},
		{"fsm", own("fsm/netsim"), "fsm imports fsm/netsim"},
		{"pcap", own("pcap/trace"), "pcap imports pcap/trace"},
		{"pcap/trace", own("fsm"), "pcap/trace imports fsm"},
		{"novel", "", "not in the table"},
		{"cmd/mpdecode", own("fsm", "pcap") + `import "os"`, ""},
		{"wire", `import "net/netip"`, ""},
		{"wire", `import "net"`, "wire imports net"},
		{"wire", `import "net/http"`, "wire imports net/http"},
		{"wire", `import "os/exec"`, "wire imports os/exec"},
		{"reasm", `import "sync/atomic"`, "reasm imports sync/atomic"},
		{"dataseq", `import "unsafe"`, "dataseq imports unsafe"},
		{"dataseq", `import "syscall"`, "dataseq imports syscall"},
		{"fsm", `import "crypto/rand"`, "fsm imports crypto/rand"},
		{"fsm", `import "math/rand"`, "fsm imports math/rand"},
		{"fsm", `import . "time"`, "without a name"},
		{"fsm", `import "github.com/google/gopacket"`, "fsm imports github.com/google/gopacket"},
		{"pcap/packetsource", `import "github.com/google/gopacket/layers"`, ""},
		{"pcap", `import "github.com/google/gopacket/layers"`, "pcap imports github.com/google/gopacket/layers"},
		{"pcap", `import "example.org/other"`, "pcap imports example.org/other"},
		{"pcap", `import "os"`, ""},
		{"fsm", "import \"time\"\nvar d = 3*time.Second\nfunc f(t time.Time) time.Time { return t.Add(d) }", ""},
		{"fsm", "import \"time\"\nvar t = time.Now()", "time.Now"},
		{"fsm", "import \"time\"\nvar now = time.Now", "time.Now"},
		{"fsm", "import clock \"time\"\nfunc f() { clock.Sleep(1) }", "time.Sleep"},
		{"fsm", "import \"time\"\nfunc f() { <-time.After(1) }", "time.After"},
		{"fsm", "import \"time\"\ntype x struct{}\nfunc (x) Now() {}\nfunc f(time x) { time.Now() }", ""},
		{"fsm", "import \"math/rand/v2\"\nvar r = rand.New(rand.NewPCG(1, 2))", ""},
		{"fsm", "import \"math/rand/v2\"\nvar r = rand.IntN(6)", "rand.IntN"},
		{"fsm", "func f() { go f() }", "a goroutine"},
		{"fsm", "var c chan int", "a channel"},
		{"fsm", "func f() { select {} }", "a select"},
	} {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, "x.go", "package x\n"+c.src, 0)
		require.NoError(t, err, c.src)
		got := strings.Join(breaches(c.pkg, fset, file), "; ")
		if c.want == "" {
			assert.Empty(t, got, "%s: %s", c.pkg, c.src)
		} else {
			assert.Contains(t, got, c.want, "%s: %s", c.pkg, c.src)
		}
	}
}

// TestLayersAreInOrder makes sure that arrows of the table point one way only.
func TestLayersAreInOrder(t *testing.T) {
	below := map[string]bool{}
	for _, l := range layers {
		for _, p := range strings.Fields(l.may) {
			assert.True(t, below[p], "%s may import %s, which stands above it", l.pkg, p)
		}
		below[l.pkg] = true
	}
}

// homePaths are places of one machine only. They are put together here so that this
// file has none of them.
var homePaths = []string{"/" + "work/", "/" + "home/", "/" + "root/", "/" + "Users/", "." + "library"}

// TestNoPathsOfOneMachine looks for them in every text file.
func TestNoPathsOfOneMachine(t *testing.T) {
	assert.Equal(t, "/"+"root/", homePath([]byte("see "+"/"+"root/x")))
	assert.Empty(t, homePath([]byte("network/ and $work/x")))
	walk(t, func(name string, entry fs.DirEntry) {
		info, err := entry.Info()
		if err != nil || info.Size() > 4<<20 || slices.Contains([]string{".pcap", ".pcapng"}, path.Ext(name)) {
			return
		}
		text, err := os.ReadFile(filepath.Join("..", name))
		require.NoError(t, err)
		if found := homePath(text); found != "" {
			t.Errorf("%s has a path under %s", name, found)
		}
	})
}

func homePath(text []byte) string {
	for _, p := range homePaths {
		for rest := string(text); ; {
			before, after, ok := strings.Cut(rest, p)
			if !ok {
				break
			}
			// "a/work/b" and "$x/work/" are relative to something.
			if n := len(before); n == 0 || p[0] != '/' || !strings.ContainsRune("}.*_-", rune(before[n-1])) && !wordy(before[n-1]) {
				return p
			}
			rest = after
		}
	}
	return ""
}

func wordy(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// walk calls visit for every file of the project, by its path from the root.
func walk(t *testing.T, visit func(name string, entry fs.DirEntry)) {
	t.Helper()
	require.NoError(t, filepath.WalkDir("..", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if base := entry.Name(); base == ".git" || base == "bin" || base == "rapid" {
				return filepath.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() || entry.Name() == ".git" { // of a worktree
			return nil
		}
		name, err = filepath.Rel("..", name)
		if err != nil {
			return err
		}
		visit(filepath.ToSlash(name), entry)
		return nil
	}))
}
