// Prints the health that Argo CD gives to each resource on standard input, one JSON object a line.
// Its argument is a file with the ConfigMap argocd-cm, from which Argo CD takes the Lua script.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	"github.com/argoproj/argo-cd/v3/util/lua"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const prefix = "resource.customizations.health."

func overrides(path string) (lua.ResourceHealthOverrides, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var settings corev1.ConfigMap
	if err := json.Unmarshal(text, &settings); err != nil {
		return nil, err
	}
	found := lua.ResourceHealthOverrides{}
	for key, script := range settings.Data {
		if kind, ok := strings.CutPrefix(key, prefix); ok {
			override := found[strings.Replace(kind, "_", "/", 1)]
			override.HealthLua = script
			found[strings.Replace(kind, "_", "/", 1)] = override
		}
	}
	return found, nil
}

func run() error {
	scripts, err := overrides(os.Args[1])
	if err != nil {
		return err
	}
	resources, answers := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var text json.RawMessage
		if err := resources.Decode(&text); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		var resource unstructured.Unstructured
		if err := resource.UnmarshalJSON(text); err != nil { // whole numbers become int64, as in Argo CD's cache
			return err
		}
		answer, err := health.GetResourceHealth(&resource, scripts)
		if err != nil {
			return err
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
