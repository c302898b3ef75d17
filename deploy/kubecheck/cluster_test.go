package kubecheck

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	nodestages "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	leasestages "sigs.k8s.io/kwok/kustomize/stage/node/heartbeat-with-lease"
	podstages "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
)

var bin = flag.String("bin", "", "the folder of the built programs")

// The kernel ends children with the thread that has started them: this one lives as
// long as the process.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	flag.Parse()
	status, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "kubecheck:", err)
		status = 1
	}
	os.Exit(status)
}

// shared is the cluster of all tests here.
var shared *cluster

func run(m *testing.M) (status int, err error) {
	if *bin == "" {
		return 0, errors.New("this needs a cluster: make kubecheck")
	}
	dir, err := os.MkdirTemp("", "kubecheck")
	if err != nil {
		return 0, err
	}
	shared = &cluster{dir: dir, kubeconfig: filepath.Join(dir, "kubeconfig")}
	defer func() { err = errors.Join(err, shared.stop(), os.RemoveAll(dir)) }()
	if err := shared.start(); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// cluster is a Kubernetes on the loopback.
type cluster struct {
	dir        string
	kubeconfig string
	programs   []*program
	client     *kubernetes.Clientset
}

func (c *cluster) start() error {
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	etcd, peer, server := "http://"+ports[0], "http://"+ports[1], "https://"+ports[2]
	_, port, err := net.SplitHostPort(ports[2])
	if err != nil {
		return err
	}
	token := rand.Text()
	signing, err := signingKey()
	if err != nil {
		return err
	}
	for name, text := range map[string]string{
		"tokens.csv": token + `,admin,admin,"system:masters"` + "\n",
		"signing":    signing,
		"kubeconfig": fmt.Sprintf(kubeconfig, server, token),
		"stages.yaml": strings.Join([]string{
			nodestages.DefaultNodeInit, leasestages.DefaultNodeHeartbeatWithLease,
			podstages.DefaultPodReady, podstages.DefaultPodComplete, podstages.DefaultPodDelete,
		}, "\n---\n"),
	} {
		if err := os.WriteFile(c.path(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	for _, args := range [][]string{
		{
			"server", // etcd's, go.etcd.io/etcd/server
			"--data-dir", c.path("etcd"), "--unsafe-no-fsync",
			"--listen-client-urls", etcd, "--advertise-client-urls", etcd,
			"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default=" + peer,
		},
		{
			"kube-apiserver", "--etcd-servers", etcd, "--cert-dir", c.path("certificates"),
			"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port", port, "--endpoint-reconciler-type=none",
			"--service-account-issuer=https://kubernetes.default.svc",
			"--service-account-key-file", c.path("signing"), "--service-account-signing-key-file", c.path("signing"),
			"--authorization-mode=RBAC", "--token-auth-file", c.path("tokens.csv"), "--service-cluster-ip-range=10.0.0.0/24",
		},
		{
			"kube-controller-manager", "--kubeconfig", c.kubeconfig, "--leader-elect=false", "--secure-port=0",
			"--service-account-private-key-file", c.path("signing"),
		},
		{"kube-scheduler", "--kubeconfig", c.kubeconfig, "--leader-elect=false", "--secure-port=0"},
		{"kwok", "--kubeconfig", c.kubeconfig, "--config", c.path("stages.yaml"), "--manage-all-nodes=true", "--node-lease-duration-seconds=40"},
	} {
		p, err := start(args[0], c.path(args[0]+".log"), args[1:])
		if err != nil {
			return err
		}
		c.programs = append(c.programs, p)
		if args[0] == "kube-apiserver" {
			if err := c.connect(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// connect waits for the API server.
func (c *cluster) connect(server *program) error {
	config, err := clientcmd.BuildConfigFromFlags("", c.kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1
	if c.client, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	limit := time.After(2 * time.Minute)
	for {
		_, err := c.client.RESTClient().Get().AbsPath("/readyz").DoRaw(context.Background())
		if err == nil {
			return nil
		}
		select {
		case <-server.ended:
			return fmt.Errorf("kube-apiserver has ended:\n%s", server.tail())
		case <-limit:
			return fmt.Errorf("kube-apiserver is not ready: %w\n%s", err, server.tail())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// stop ends what was started, last things first. A program that had ended before is
// an error: whatever the tests say then, it is not about the manifests.
func (c *cluster) stop() error {
	var err error
	for len(c.programs) > 0 {
		last := len(c.programs) - 1
		err = errors.Join(err, c.programs[last].stop())
		c.programs = c.programs[:last]
	}
	return err
}

func (c *cluster) path(name string) string { return filepath.Join(c.dir, name) }

const kubeconfig = `apiVersion: v1
kind: Config
clusters: [{name: here, cluster: {server: %q, insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: %s}}]
contexts: [{name: here, context: {cluster: here, user: admin}}]
current-context: here
`

// signingKey is what tokens of service accounts are signed and checked with.
func signingKey() (string, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})), nil
}

// freePorts are addresses of the loopback that nobody listens at.
func freePorts(n int) ([]string, error) {
	var addresses []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() //nolint:errcheck // the system closes it otherwise
		addresses = append(addresses, l.Addr().String())
	}
	return addresses, nil
}

// program is a running one.
type program struct {
	name, log string
	cmd       *exec.Cmd
	ended     chan struct{}
}

// start runs a program of bin, which ends with this process however that ends.
func start(name, log string, args []string) (*program, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close() //nolint:errcheck // the program has its own handle
	p := &program{name: name, log: log, cmd: exec.Command(filepath.Join(*bin, name), args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // how it ended, its log says
		close(p.ended)
	}()
	return p, nil
}

func (p *program) stop() error {
	select {
	case <-p.ended:
		return fmt.Errorf("%s had ended by itself:\n%s", p.name, p.tail())
	default:
	}
	// Nothing of it is kept.
	_ = p.cmd.Process.Kill()
	<-p.ended
	return nil
}

// tail is the end of a program's log.
func (p *program) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}
