// node-tools is the one static program of the local cluster's own image.
//
// Without arguments it holds a pod's namespaces open until it is told to stop. With "-p DIR -a create|delete" it makes or
// removes the folder of a volume, which is what local-path-provisioner asks of its helper pod; a base system with a shell
// would be needed otherwise.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// A volume belongs to nobody but root until the kubelet hands it to a pod's fsGroup, as a freshly formatted disk would.
const volumeMode = 0o770

func main() {
	path := flag.String("p", "", "folder of the volume")
	action := flag.String("a", "", "create or delete")
	_ = flag.String("s", "", "size in bytes (folders are not limited)")
	_ = flag.String("m", "", "volume mode (always a file system)")
	flag.Parse()
	if *action == "" {
		hold()
		return
	}
	if err := volume(*action, *path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func hold() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for received := range signals {
		if received != syscall.SIGCHLD {
			return
		}
		// Process 1 of a shared process namespace inherits orphans: nobody else can bury them.
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err != nil || pid <= 0 {
				break
			}
		}
	}
}

func volume(action, path string) error {
	if path == "" || path == "/" {
		return fmt.Errorf("no folder given: -p is %q", path)
	}
	switch action {
	case "create":
		if err := os.MkdirAll(path, volumeMode); err != nil {
			return err
		}
		return os.Chmod(path, volumeMode)
	case "delete":
		return os.RemoveAll(path)
	default:
		return fmt.Errorf("unknown action %q: create or delete", action)
	}
}
