package configs

import (
	"context"
	"errors"
	"os"
	"strings"

	"argo/tables/fault"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// CheckReference says whether ref is a reference to a secret (env:NAME,
// file:PATH or aws-sm:NAME) and not the secret itself. The error does not
// repeat the text, which may be a secret.
func CheckReference(ref string) error {
	kind, rest, ok := strings.Cut(ref, ":")
	switch {
	case ref == "":
		return errors.New("is missing; give a reference: env:NAME, file:PATH or aws-sm:NAME")
	case ok && rest != "" && (kind == "env" || kind == "file" || kind == "aws-sm"):
		return nil
	}
	return errors.New("must be a reference (env:NAME, file:PATH or aws-sm:NAME), not the secret itself")
}

// Secret reads what ref refers to. Faults: Config, with the reference and
// never the value.
func Secret(ctx context.Context, ref string) (string, error) {
	if err := CheckReference(ref); err != nil {
		return "", fault.New(fault.Config, "a secret %v", err)
	}
	kind, rest, _ := strings.Cut(ref, ":")
	switch kind {
	case "env":
		v, ok := os.LookupEnv(rest)
		if !ok || v == "" {
			return "", fault.New(fault.Config, "the secret %s is empty: the environment variable is not set", ref).
				WithHint("export %s=… before argo starts", rest)
		}
		return v, nil
	case "file":
		b, err := os.ReadFile(rest)
		if err != nil {
			return "", fault.New(fault.Config, "the secret %s cannot be read: %v", ref, errors.Unwrap(err)).
				WithHint("the file must exist and be readable for the user that runs argo")
		}
		v := strings.TrimRight(string(b), "\r\n")
		if v == "" {
			return "", fault.New(fault.Config, "the secret %s is an empty file", ref)
		}
		return v, nil
	}
	cfg, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return "", fault.Wrap(fault.Config, err, "the secret %s cannot be read: no AWS configuration", ref)
	}
	out, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(rest)})
	if err != nil {
		return "", fault.Wrap(fault.Config, err, "the secret %s cannot be read from AWS Secrets Manager", ref)
	}
	if out.SecretString == nil || *out.SecretString == "" {
		return "", fault.New(fault.Config, "the secret %s has no text value", ref)
	}
	return *out.SecretString, nil
}
