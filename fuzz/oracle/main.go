// Answers what kubectl reads from a manifest: the objects of its decoder, and the error that ends them.
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
	"k8s.io/apimachinery/pkg/util/yaml"
)

// raw keeps the JSON of an object, as k8s.io/apimachinery/pkg/runtime.RawExtension does.
type raw struct{ bytes []byte }

func (r *raw) UnmarshalJSON(in []byte) error {
	if !bytes.Equal(in, []byte("null")) {
		r.bytes = append(r.bytes[:0], in...)
	}
	return nil
}

type answer struct {
	Documents []json.RawMessage `json:"documents"`
	Error     string            `json:"error"`
}

// read does what FileVisitor and StreamVisitor of k8s.io/cli-runtime/pkg/resource do with a file.
func read(data []byte) (found answer) {
	found.Documents = []json.RawMessage{}
	text := transform.NewReader(bytes.NewReader(data), unicode.BOMOverride(unicode.UTF8.NewDecoder()))
	decoder := yaml.NewYAMLOrJSONDecoder(text, 4096)
	for {
		var object raw
		if err := decoder.Decode(&object); errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			found.Error = err.Error()
			return found
		}
		if document := bytes.TrimSpace(object.bytes); len(document) > 0 && json.Valid(document) {
			found.Documents = append(found.Documents, bytes.ToValidUTF8(document, []byte("\ufffd")))
		}
	}
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
