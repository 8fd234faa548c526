#!/usr/bin/env python3
"""The description: is it OpenAPI 3.1, does it name every route, does the page doc/http-api.md say the same."""
import shutil

from gatelib import *


def references(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_own_rules(document):
    known = set()
    for kind, members in document["components"].items():
        known |= {f"#/components/{kind}/{name}" for name in members}
    dangling = [name for name in references(document) if name not in known]
    ok(not dangling, "every reference leads somewhere", dangling)
    operations = [(method, path, operation) for path, methods in document["paths"].items() for method, operation in methods.items()]
    ids = [operation["operationId"] for _, _, operation in operations]
    ok(len(ids) == len(set(ids)) and len(ids) > 40, f"{len(ids)} operations, each with an id of its own")
    for method, path, operation in operations:
        named = {p["name"] for p in operation.get("parameters", []) if p.get("in") == "path"}
        if named != set(re.findall(r"\{([a-z_]+)\}", path)):
            ok(False, f"{method} {path} declares its path parameters", named)
    ok(all(operation["responses"] for _, _, operation in operations), "every operation says what it answers")
    bodies = [operation for method, _, operation in operations if method in ("post", "patch", "put") and "requestBody" in operation]
    ok(len(bodies) > 15 and all("schema" in media for operation in bodies for media in operation["requestBody"]["content"].values()),
       "every body has a schema")


def test_validator(text):
    """With npm at hand: the judgement of an independent validator, kept under build/."""
    folder = f"{TOP}/build/openapi-validator"
    os.makedirs(folder, exist_ok=True)
    module = f"{folder}/node_modules/@seriousme/openapi-schema-validator"
    if not shutil.which("npm"):
        return skip("an independent validator accepts the document", "npm is not installed")
    if not os.path.isdir(module):
        open(f"{folder}/package.json", "w").write('{"private": true}')
        try:
            subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", "@seriousme/openapi-schema-validator@2"],
                           cwd=folder, capture_output=True, text=True, timeout=120, check=True)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):      # no network, or one that does not answer
            shutil.rmtree(f"{folder}/node_modules", ignore_errors=True)
            return skip("an independent validator accepts the document", "the validator could not be installed")
    open(f"{folder}/openapi.json", "w").write(text)
    open(f"{folder}/validate.mjs", "w").write(
        "import { Validator } from '@seriousme/openapi-schema-validator';\nimport { readFileSync } from 'node:fs';\n"
        "const result = await new Validator().validate(JSON.parse(readFileSync('openapi.json')));\n"
        "console.log(JSON.stringify(result)); process.exit(result.valid ? 0 : 1);\n")
    result = subprocess.run(["node", "validate.mjs"], cwd=folder, capture_output=True, text=True, timeout=60)
    return ok(result.returncode == 0, "an independent validator accepts the document", result.stdout + result.stderr)


def main():
    text = subprocess.run([PRODUCT, "--openapi"], capture_output=True, text=True, check=True).stdout
    document = json.loads(text)
    equal(document["openapi"], "3.1.0", "it is OpenAPI 3.1")
    test_own_rules(document)
    test_validator(text)
    chapter = subprocess.run([PRODUCT, "--doc"], capture_output=True, text=True, check=True).stdout
    page = open(f"{TOP}/doc/http-api.md").read()
    ok(page.partition("<!-- endpoints")[2].partition("-->\n\n")[2] == chapter, "doc/http-api.md lists the endpoints as they are (else: make http-doc)")
    done()


main()
