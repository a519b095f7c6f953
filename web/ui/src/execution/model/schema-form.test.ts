import { describe, expect, it } from "vitest";

import { answerOf, errorsAt, formOf, initialValues, pointerOf, type FormField } from "./schema-form";

const approval = {
  type: "object",
  required: ["approved", "reason"],
  properties: {
    approved: { type: "boolean", title: "Approved" },
    reason: { type: "string", minLength: 5 },
    region: { enum: ["eu", "us", null], default: "eu" },
    replicas: { type: "integer", minimum: 1, maximum: 9, default: 3 },
    notify: { type: "array", items: { enum: ["slack", "mail"] } },
    tags: { type: "array", items: { type: "string" } },
    window: {
      type: "object",
      required: ["start"],
      properties: { start: { type: "string" }, minutes: { type: "number" } },
    },
    odd: { oneOf: [{ type: "string" }, { type: "null" }] },
    "a/b~c": { type: "string" },
  },
};

const kinds = (form: FormField): string[] =>
  form.kind === "group" ? form.fields.flatMap(kinds) : [`${pointerOf(form.path)} ${form.kind}`];
const filled = { "/approved": "true", "/reason": "because", "/region": "0", "/replicas": "3" };

describe("a form", () => {
  it("has a control for each property", () => {
    expect(kinds(formOf(approval))).toEqual([
      "/approved boolean",
      "/reason text",
      "/region choice",
      "/replicas text",
      "/notify choices",
      "/tags list",
      "/window/start text",
      "/window/minutes text",
      "/odd json",
      "/a~1b~0c text",
    ]);
  });

  it("is a JSON box for what is beyond it", () => {
    for (const schema of [
      true,
      {},
      { oneOf: [] },
      { type: ["string", "null"] },
      { type: "array", items: { type: "object" } },
      { $ref: "#/x" },
      null,
    ]) {
      expect(formOf(schema).kind).toBe("json");
    }
  });

  it("may be a single control", () => {
    const form = formOf({ type: "string", title: "Name" });
    expect(form).toMatchObject({ kind: "text", label: "Name", path: [] });
    expect(answerOf(form, { "": "x" })).toEqual({ input: "x", errors: new Map() });
  });

  it("goes one level down, and no further", () => {
    const deep = formOf({
      type: "object",
      properties: {
        a: { type: "object", properties: { b: { type: "object", properties: { c: { type: "string" } } } } },
      },
    });
    expect(kinds(deep)).toEqual(["/a/b json"]);
  });

  it("begins with the defaults, and never with a yes that nobody gave", () => {
    expect(initialValues(formOf(approval))).toMatchObject({
      "/approved": "",
      "/reason": "",
      "/region": "0",
      "/replicas": "3",
      "/notify": [],
      "/tags": "",
    });
    expect(initialValues(formOf({ type: "boolean", default: false }))).toEqual({ "": "false" });
    const nested = formOf({ type: "object", default: { a: 1 }, properties: { a: { type: "number", default: 5 } } });
    expect(initialValues(nested)).toEqual({ "/a": "1" });
  });
});

describe("an answer", () => {
  it("is what was typed, of its type, without what was not", () => {
    const { input, errors } = answerOf(formOf(approval), {
      ...filled,
      "/notify": ["1"],
      "/tags": "a\n\n b ",
      "/odd": "null",
      "/a~1b~0c": "x",
    });
    expect(errors.size).toBe(0);
    expect(input).toEqual({
      approved: true,
      reason: "because",
      region: "eu",
      replicas: 3,
      notify: ["mail"],
      tags: ["a", "b"],
      odd: null,
      "a/b~c": "x",
    });
  });

  it("names what is missing and what does not fit", () => {
    const { errors } = answerOf(formOf(approval), {
      "/reason": "no",
      "/replicas": "1.5",
      "/window/minutes": "x",
      "/odd": "{",
    });
    expect(Object.fromEntries(errors)).toMatchObject({
      "/approved": "is required",
      "/reason": "needs 5 characters or more",
      "/replicas": "is not a whole number",
      "/window/start": "is required",
      "/window/minutes": "is not a number",
    });
    expect(errors.get("/odd")).toMatch(/^is not JSON/);
  });

  it("leaves out a group that nobody touched, with what it would need", () => {
    expect(answerOf(formOf(approval), filled).input).not.toHaveProperty("window");
  });

  it("may hold any name", () => {
    const form = formOf(JSON.parse('{"type":"object","properties":{"__proto__":{"type":"string"}}}'));
    const { input } = answerOf(form, { ["/__proto__"]: "x" });
    expect(Object.keys(input as object)).toEqual(["__proto__"]);
  });
});

describe("the server's errors", () => {
  it("go to their fields", () => {
    const errors = errorsAt(formOf(approval), [
      { pointer: "/input", message: '"reason" is a required property' },
      { pointer: "/input/approved", message: 'the value is not of type "boolean"' },
      { pointer: "/input/window/minutes", message: "the value is less than the minimum of 5" },
      { pointer: "/input/tags/1", message: "is too long" },
      { pointer: "/input", message: "Additional properties are not allowed" },
      { pointer: "/question", message: "another one is open" },
    ]);
    expect(Object.fromEntries(errors)).toEqual({
      "/reason": "is required",
      "/approved": 'the value is not of type "boolean"',
      "/window/minutes": "the value is less than the minimum of 5",
      "/tags": "/1: is too long",
      "": "Additional properties are not allowed; /question: another one is open",
    });
  });
});
