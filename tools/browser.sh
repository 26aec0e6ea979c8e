#!/bin/sh
# Prints the path of a Chromium that runs, installing one when it may: tools/browser.sh PYTHON
# PYTHON is an interpreter that has Playwright. Only the path goes to standard output.
set -u

python=$1

# Ubuntu's chromium-browser can be a stub that asks for a snap: only a browser that answers counts.
runs() {
    [ -n "$1" ] && command -v "$1" >/dev/null 2>&1 && "$1" --version >/dev/null 2>&1
}

find_browser() {
    for candidate in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" "$(playwrights_own)"; do
        if runs "$candidate"; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

playwrights_own() {
    "$python" -c 'from playwright.sync_api import sync_playwright
with sync_playwright() as p: print(p.chromium.executable_path)' 2>/dev/null
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

if [ -n "${CHROMIUM:-}" ] && ! runs "$CHROMIUM"; then
    echo "CHROMIUM=$CHROMIUM cannot be run; looking for another browser." >&2
fi
find_browser && exit 0

if command -v apt-get >/dev/null 2>&1 && as_root true 2>/dev/null; then
    echo "Installing Chromium for the browser tests" >&2
    {
        as_root apt-get update -qq
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-cjk
        find_browser >/dev/null || as_root "$python" -m playwright install-deps chromium
    } >&2
    find_browser && exit 0
fi

echo "Downloading Playwright's Chromium for the browser tests" >&2
"$python" -m playwright install chromium >&2
find_browser && exit 0

cat >&2 <<'MESSAGE'
No Chromium was found and none could be installed: the browser tests are going to fail.
Install one (Debian: apt-get install chromium; macOS: brew install --cask google-chrome),
or name one: CHROMIUM=/path/to/chromium make test
MESSAGE
exit 1
