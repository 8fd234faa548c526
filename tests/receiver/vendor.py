#!/usr/bin/env python3
"""Plays the vendors of messages on 127.0.0.1, for tests: Aliyun and Tencent SMS, WeChat, WeCom, robots, SMTP.

    vendor.py OUT       prints the HTTP port and the SMTP port, appends a JSON line a message to OUT

Signatures are computed here apart from the sender, from the vendors' documented formulas.  POST /control
{"vendor": NAME, "answers": [..]} says what the next requests of a vendor are answered: a code in the vendor's own
words, "hang" (no answer), a number of HTTP, or for SMTP a reply to RCPT, or "drop" (closed after the content).
Then it is all well again.  POST /expire makes the access tokens given so far expire.
"""
import base64
import email
import email.policy
import hashlib
import hmac
import json
import socketserver
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

out = open(sys.argv[1], "a", encoding="utf-8", buffering=1)
lock = threading.Lock()
answers = {}
tokens = expired = 0
SECRETS = {"aliyun": "testSecret", "tencent": "tencentKey", "dingtalk": "SECding", "feishu": "feishuSecret"}


def next_answer(vendor, well):
    with lock:
        queue = answers.get(vendor, [])
        return queue.pop(0) if queue else well


def note(**what):
    with lock:
        out.write(json.dumps(what, ensure_ascii=False) + "\n")


def b64(digest):
    return base64.b64encode(digest).decode()


def mac(key, text):
    return hmac.new(key, text, hashlib.sha256).digest()


def encode(text):
    return urllib.parse.quote(text, safe="-_.~")


def aliyun(handler, raw):
    form = dict(urllib.parse.parse_qsl(raw.decode(), keep_blank_values=True))
    given = form.pop("Signature")
    query = "&".join(f"{encode(k)}={encode(form[k])}" for k in sorted(form))
    wanted = b64(hmac.new((SECRETS["aliyun"] + "&").encode(), f"POST&%2F&{encode(query)}".encode(), hashlib.sha1).digest())
    code = next_answer("aliyun", "OK")
    note(vendor="aliyun", valid=given == wanted, to=form["PhoneNumbers"], id=form["OutId"], template=form["TemplateCode"],
         params=json.loads(form["TemplateParam"]), sign=form["SignName"], nonce=form["SignatureNonce"])
    return code, {"Code": code, "Message": code, "RequestId": "1", "BizId": "9^1"}


def tencent(handler, raw):
    host, moment = handler.headers["Host"], handler.headers["X-TC-Timestamp"]
    day = time.strftime("%Y-%m-%d", time.gmtime(int(moment)))
    canonical = ("POST\n/\n\n" f"content-type:{handler.headers['Content-Type']}\nhost:{host}\n"
                 f"x-tc-action:{handler.headers['X-TC-Action'].lower()}\n\ncontent-type;host;x-tc-action\n" + hashlib.sha256(raw).hexdigest())
    signed = f"TC3-HMAC-SHA256\n{moment}\n{day}/sms/tc3_request\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = mac(mac(mac(("TC3" + SECRETS["tencent"]).encode(), day.encode()), b"sms"), b"tc3_request")
    wanted = (f"TC3-HMAC-SHA256 Credential=tencentId/{day}/sms/tc3_request, SignedHeaders=content-type;host;x-tc-action, "
              f"Signature={mac(key, signed.encode()).hex()}")
    body = json.loads(raw)
    code = next_answer("tencent", "Ok")
    note(vendor="tencent", valid=handler.headers["Authorization"] == wanted, to=body["PhoneNumberSet"][0], id=body["SessionContext"],
         template=body["TemplateId"], params=body["TemplateParamSet"], sign=body["SignName"], region=handler.headers["X-TC-Region"])
    if code.startswith(("AuthFailure", "RequestLimitExceeded")):
        return code, {"Response": {"Error": {"Code": code, "Message": code}, "RequestId": "1"}}
    return code, {"Response": {"SendStatusSet": [{"SerialNo": "1", "Code": code, "Message": code}], "RequestId": "1"}}


def robot(vendor, handler, raw, query):
    body = json.loads(raw)
    valid = True
    if vendor == "dingtalk":
        wanted = b64(mac(SECRETS["dingtalk"].encode(), f"{query['timestamp']}\n{SECRETS['dingtalk']}".encode()))
        valid = query["sign"] == wanted and query["access_token"] == "ding/token"
    if vendor == "feishu":
        valid = body["sign"] == b64(mac(f"{body['timestamp']}\n{SECRETS['feishu']}".encode(), b""))
    code = next_answer(vendor, "0")
    text = body["content"]["text"] if vendor == "feishu" else body["text"]["content"]
    note(vendor=vendor, valid=valid, text=text, path=handler.path.split("?")[0])
    if code.startswith("http") or code == "hang":
        return code, {}
    return code, {"code" if vendor == "feishu" else "errcode": int(code), "errmsg": "said"}


def tokened(vendor, handler, raw, query):
    body = json.loads(raw)
    code = next_answer(vendor, "0") if int(query["access_token"].removeprefix("token+")) > expired else "42001"
    valid = query["access_token"] == f"token+{tokens}" and code not in ("40001", "42001")
    note(vendor=vendor, valid=valid, to=body.get("touser") or body["external_userid"][0], token=query["access_token"], body=body)
    if code == "fail":
        return code, {"errcode": 0, "errmsg": "ok", "fail_list": [body["external_userid"][0]], "msgid": "m"}
    if code == "hang":
        return code, {}
    return code, {"errcode": int(code), "errmsg": "said"}


def token(vendor, query):
    global tokens
    code = next_answer(vendor + "_token", "0")
    valid = query in ({"grant_type": "client_credential", "appid": "wxapp", "secret": "s&crét"}, {"corpid": "corp", "corpsecret": "corps"})
    note(vendor=vendor + "_token", valid=valid)
    if code != "0":
        return code, {"errcode": int(code), "errmsg": "invalid"}
    with lock:
        tokens += 1
    return "0", {"access_token": f"token+{tokens}", "expires_in": 7200}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, body):
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        if status == 429:
            self.send_header("Retry-After", "120")
        self.end_headers()
        self.wfile.write(raw)

    def answer(self, code, body):
        if code == "hang":
            time.sleep(60)
            return
        self.reply(int(code[4:]) if code.startswith("http") else 200, body)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        self.answer(*token("wechat" if url.path == "/cgi-bin/token" else "wecom", query))

    def do_POST(self):
        global expired
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        if url.path == "/control":
            told = json.loads(raw)
            with lock:
                answers[told["vendor"]] = told["answers"]
            return self.reply(200, {})
        if url.path == "/expire":
            expired = tokens
            return self.reply(200, {})
        if url.path == "/" and "X-TC-Action" in self.headers:
            return self.answer(*tencent(self, raw))
        if url.path == "/":
            return self.answer(*aliyun(self, raw))
        if url.path == "/robot/send":
            return self.answer(*robot("dingtalk", self, raw, query))
        if url.path.startswith("/open-apis/bot/v2/hook/"):
            return self.answer(*robot("feishu", self, raw, query))
        if url.path == "/cgi-bin/webhook/send":
            return self.answer(*robot("wecom_robot", self, raw, query))
        if url.path == "/cgi-bin/message/subscribe/send":
            return self.answer(*tokened("wechat", self, raw, query))
        if url.path == "/cgi-bin/externalcontact/add_msg_template":
            return self.answer(*tokened("wecom", self, raw, query))
        self.reply(404, {})


class Mail(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write((text + "\r\n").encode())

    def content(self, sender, to, code):
        self.say("354 go on")
        lines = []
        while True:
            line = self.rfile.readline()
            if not line or line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b"..") else line)
        mail = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        html = mail.get_body(("html",))
        note(vendor="smtp", valid=True, sender=sender, to=to, header_to=str(mail["To"]), subject=str(mail["Subject"]), id=str(mail["Message-ID"]),
             text=mail.get_body(("plain",)).get_content(), html=html.get_content() if html else "", headers=[k.lower() for k in mail.keys()])
        if code == "drop":
            return False
        self.say("250 kept")
        return True

    def handle(self):
        sender = to = code = ""
        self.say("220 well met")
        while True:
            line = self.rfile.readline().decode()
            word = line[:4].upper()
            if not line or word == "QUIT":
                return
            if word in ("EHLO", "HELO"):
                self.say("250 vendor")
            elif word == "MAIL":
                sender = line.strip()
                self.say("250 yes")
            elif word == "RCPT":
                to, code = line.strip(), next_answer("smtp", "250")
                self.say("250 yes" if code == "drop" else f"{code} said")
            elif word == "DATA":
                if not self.content(sender, to, code):
                    return
            else:
                self.say("502 unknown")


class MailServer(socketserver.ThreadingTCPServer):
    daemon_threads = True


http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
mail = MailServer(("127.0.0.1", 0), Mail)
print(http.server_address[1], mail.server_address[1], flush=True)
threading.Thread(target=mail.serve_forever, daemon=True).start()
http.serve_forever()
