// Prints the status that Flux gives to each resource on standard input, one JSON object a line.
// Its argument is a file with the Flux Kustomization whose healthCheckExprs are used.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

type answer struct {
	Status string `json:"status"`
}

func evaluator(path string) (*cel.StatusEvaluator, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var kustomization kustomizev1.Kustomization
	if err := yaml.UnmarshalStrict(text, &kustomization); err != nil {
		return nil, err
	}
	if count := len(kustomization.Spec.HealthCheckExprs); count != 1 {
		return nil, fmt.Errorf("%s has %d healthCheckExprs, not 1", path, count)
	}
	return cel.NewStatusEvaluator(&kustomization.Spec.HealthCheckExprs[0].HealthCheckExpressions)
}

func run() error {
	expressions, err := evaluator(os.Args[1])
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
		if err := resource.UnmarshalJSON(text); err != nil {
			return err
		}
		result, err := expressions.Evaluate(context.Background(), &resource)
		if err != nil {
			return err
		}
		if err := answers.Encode(answer{Status: result.Status.String()}); err != nil {
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
