#!/bin/sh
# Prints the Secrets that the dev overlay refers to, freshly made: sh make-secrets.sh | kubectl apply -f -
# Once only: a second run would change the database's password here but not in the database.
set -eu

# The letter in front keeps a value from being read as a number.
secret() { printf 'k%s' "$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')"; }

postgres=$(secret)
nats=$(secret)
valkey=$(secret)
url="postgresql://marketwin:$postgres@postgres:5432/marketwin"

cat <<END
apiVersion: v1
kind: Secret
metadata: {name: postgres, namespace: marketwin}
stringData:
  password: $postgres
  ingest-url: $url
  twin-url: $url
  profile-url: $url
  forecast-url: $url
  recommend-url: $url
---
apiVersion: v1
kind: Secret
metadata: {name: nats, namespace: marketwin}
stringData:
  password: $nats
  url: nats://marketwin:$nats@nats:4222
---
apiVersion: v1
kind: Secret
metadata: {name: valkey, namespace: marketwin}
stringData:
  password: $valkey
  url: redis://:$valkey@valkey:6379/0
---
apiVersion: v1
kind: Secret
metadata: {name: ingest, namespace: marketwin}
stringData:
  token-key: $(secret)
---
apiVersion: v1
kind: Secret
metadata: {name: gateway, namespace: marketwin}
stringData:
  GATEWAY_JWT_KEY: $(secret)
END
