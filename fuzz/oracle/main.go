// Answers what kubectl reads from a manifest: the objects that it would apply, and the error that ends them.
//
// Standard input holds frames: four bytes of length (big endian), then the bytes of a file. For each, a line of JSON
// follows on standard output.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured/unstructuredscheme"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

type answer struct {
	Objects []runtime.Object `json:"objects"`
	Error   string           `json:"error"`
}

// read does what `kubectl apply -f` does with a file before it asks the server: FileVisitor, StreamVisitor and mapper
// of k8s.io/cli-runtime/pkg/resource, whose own package would take minutes to build. An object that cannot be decoded
// does not end the file, a text that cannot be parsed does. What kubectl alone refuses, metadata of the wrong type
// (metadataValidatingDecoder), is taken, as by Argo CD.
func read(data []byte) (found answer) {
	found.Objects = []runtime.Object{}
	text := transform.NewReader(bytes.NewReader(data), unicode.BOMOverride(unicode.UTF8.NewDecoder()))
	decoder := yaml.NewYAMLOrJSONDecoder(text, 4096)
	for {
		var raw runtime.RawExtension
		if err := decoder.Decode(&raw); errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			found.Error = err.Error()
			return found
		}
		document := bytes.TrimSpace(raw.Raw)
		if len(document) == 0 || bytes.Equal(document, []byte("null")) {
			continue
		}
		object, _, err := unstructured.UnstructuredJSONScheme.Decode(document, nil, nil)
		if err != nil {
			continue
		}
		found.Objects = append(found.Objects, flatten(object)...)
	}
}

// flatten does what FlattenListVisitor does: any object with items is a list, of which nothing is applied if a list in
// it cannot be taken apart; a member without a kind or version is left out.
func flatten(object runtime.Object) (objects []runtime.Object) {
	if !meta.IsListType(object) {
		return []runtime.Object{object}
	}
	typer := unstructuredscheme.NewUnstructuredObjectTyper()
	queue := []runtime.Object{object}
	for i := 0; i < len(queue); i++ {
		if meta.IsListType(queue[i]) {
			members, err := meta.ExtractList(queue[i])
			if err != nil {
				return nil
			}
			if errs := runtime.DecodeList(members, unstructured.UnstructuredJSONScheme); len(errs) > 0 {
				return nil
			}
			queue = append(queue, members...)
		} else if _, _, err := typer.ObjectKinds(queue[i]); err == nil {
			objects = append(objects, queue[i])
		}
	}
	return objects
}

func main() {
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	for {
		var length uint32
		if err := binary.Read(in, binary.BigEndian, &length); err != nil {
			return
		}
		data := make([]byte, length)
		if _, err := io.ReadFull(in, data); err != nil {
			os.Exit(1)
		}
		line, err := json.Marshal(read(data))
		if err != nil {
			os.Exit(1)
		}
		out.Write(append(line, '\n'))
		out.Flush()
	}
}
