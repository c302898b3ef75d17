#!/bin/sh
# Brings Scalar's API reference from npm, in the version and with the checksum
# below, and writes scalar.js.gz. With --check, fails when that file holds
# something else. The archive has no licence file: scalar.LICENSE is that of
# https://github.com/scalar/scalar.
set -eu
cd "$(dirname "$0")"

version=1.76.0
# What `npm view @scalar/api-reference@VERSION dist.integrity` says.
integrity=sha512-pjqwnzmA9YK3ZX+IZSICMsywm4qI6HLSngR2py9H6TvFApHHuJjkTAd+gFJfnqJDzJuro8k7ji6JCtJ2U+Byng==

for tool in npm openssl; do
	command -v $tool >/dev/null 2>&1 || { echo "scalar: $tool is missing; it is needed only to fetch or check scalar.js.gz" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
archive=$dir/$(npm pack --silent --pack-destination "$dir" "@scalar/api-reference@$version")
sum=sha512-$(openssl dgst -sha512 -binary "$archive" | openssl base64 -A)
if [ "$sum" != "$integrity" ]; then
	echo "scalar: version $version from npm has the checksum $sum, not the pinned one; find out why before you change it" >&2
	exit 1
fi
tar -xzf "$archive" -C "$dir" package/dist/browser/standalone.js
fetched=$dir/package/dist/browser/standalone.js

if [ "${1:-}" = --check ]; then
	# Compared unpacked: each gzip packs in its own way.
	if ! gzip -dc scalar.js.gz | cmp -s - "$fetched"; then
		echo "scalar: scalar.js.gz is not version $version; run sh $0 and commit the result" >&2
		exit 1
	fi
	echo "scalar: scalar.js.gz is version $version"
	exit 0
fi
gzip -9nc "$fetched" >scalar.js.gz
