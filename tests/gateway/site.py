#!/usr/bin/env python3
"""What `make install-gateway` puts in place works as doc/operations.md says: the files of a production site, TLS and pages."""
import os
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request

from gatelib import TOP, Gateway, Nginx, done, equal, free_port, ok

SITE = f"{TOP}/build/site"
NGINX = f"{SITE}/etc/nginx"
OWN = {f"{SITE}/etc/crm/gateway.conf": "# mine\n", f"{NGINX}/sites-available/crm": "# mine\n"}


def install():
    return subprocess.run(["make", "-s", "install-gateway", f"DESTDIR={SITE}"], cwd=TOP, capture_output=True, text=True,
                          env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")})


class Site(Nginx):
    """The site as installed, on ports and paths of this test."""

    def __init__(self, gateway):
        self.folder, self.port, self.plain = NGINX, free_port(), free_port()
        os.makedirs(f"{SITE}/etc/ssl/crm", exist_ok=True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=crm.example.com", "-keyout",
                        f"{SITE}/etc/ssl/crm/privkey.pem", "-out", f"{SITE}/etc/ssl/crm/fullchain.pem"], check=True, capture_output=True)
        for path, changes in {
            "sites-available/crm": [("/etc/ssl/", f"{SITE}/etc/ssl/"), ("/var/log/nginx/crm.log", f"{NGINX}/access.log"), ("listen 80;", f"listen 127.0.0.1:{self.plain};"),
                                    ("listen 443 ", f"listen 127.0.0.1:{self.port} "), ("/usr/share/crm/www", f"{gateway.folder}/www")],
            "crm/crm-http.conf": [("/run/crm/gateway.sock", gateway.socket)],
        }.items():
            text = open(f"{NGINX}/{path}").read()
            for old, new in changes:
                assert old in text, f"{path} has no {old}"
                text = text.replace(old, new)
            open(f"{NGINX}/{path}", "w").write(text)
        # nginx's workers are somebody else, who may not enter this checkout
        shutil.copytree(f"{SITE}/usr/share/crm/www", f"{gateway.folder}/www")
        user = "user www-data;" if os.getuid() == 0 else ""
        kept = "".join(f"{kind}_temp_path {NGINX}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        open(f"{NGINX}/nginx.conf", "w").write(
            f"daemon off; pid {NGINX}/nginx.pid; {user} error_log {NGINX}/nginx-error.log; events {{}}\n"
            f"http {{ {kept} include /etc/nginx/mime.types; include sites-available/crm; }}\n")


def get(port, path, scheme="https", host="crm.example.com"):
    """Status, headers, body; no redirect is followed, the certificate is of this test."""
    class Stays(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    trusted = ssl.create_default_context()
    trusted.check_hostname, trusted.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(Stays, urllib.request.HTTPSHandler(context=trusted))
    try:
        answer = opener.open(urllib.request.Request(f"{scheme}://127.0.0.1:{port}{path}", headers={"Host": host}), timeout=60)
    except urllib.error.HTTPError as refusal:
        answer = refusal
    with answer:
        return answer.status, dict(answer.headers), answer.read()


shutil.rmtree(SITE, ignore_errors=True)
made = install()
ok(made.returncode == 0, "make install-gateway", made.stderr)
conf = f"{SITE}/etc/crm/gateway.conf"
checked = subprocess.run([f"{SITE}/usr/lib/crm/crm_gateway", "-c", conf, "-t"], capture_output=True, text=True)
equal((checked.returncode, checked.stdout), (0, "crm_gateway: the configuration is good\n"), "the installed gateway takes the installed configuration")

gateway = Gateway(binary=f"{SITE}/usr/lib/crm/crm_gateway", database="product")
gateway.config = conf
gateway.environment.update({f"CRM_GATEWAY_{key.upper()}": str(gateway.settings.get(key, "")) for key in ("socket", "socket_group", "database", "log_file")})
gateway.start()
os.chmod(gateway.folder, 0o755)
site = Site(gateway).start()
equal(get(site.plain, "/x?y=1", "http")[1].get("Location"), "https://crm.example.com/x?y=1", "plain HTTP is sent to TLS")
status, headers, body = get(site.port, "/")
ok(status == 200 and b"<html" in body and "default-src 'none'" in headers.get("Content-Security-Policy", "") and "Strict-Transport-Security" in headers,
   "the pages, with their headers", f"{status} {headers}")
status, headers, body = get(site.port, "/api/v1/openapi.json")
ok(status == 200 and b'"openapi"' in body, "the API's description", f"{status} {body[:300]}")
equal(get(site.port, "/api/v1/me")[0], 401, "who has not signed in is nobody")
equal(get(site.port, "/js/app.js")[1].get("Content-Type"), "application/javascript", "modules have the type that browsers ask for")
equal(get(site.port, "/js/")[0], 403, "no folder is listed")
site.stop()
gateway.remove()

for path, text in OWN.items():
    open(path, "w").write(text)
made = install()
equal([open(path).read() for path in OWN], list(OWN.values()), "installed again, what was configured stays")
shutil.rmtree(SITE)
done()
