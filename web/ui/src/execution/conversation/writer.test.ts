// @vitest-environment jsdom
import { describe, expect, it } from "vitest";

import { Writer } from "./writer";

const page = () => document.createElement("div");

describe("text that grows", () => {
  it("is only ever appended, as text", () => {
    const into = page();
    const writer = new Writer(into);
    writer.write("<img src=x onerror=alert(1)> ", false);
    const first = into.firstChild?.firstChild;
    writer.write("<img src=x onerror=alert(1)> <script>", false);
    expect(into.textContent).toBe("<img src=x onerror=alert(1)> <script>");
    expect(into.querySelectorAll("img, script")).toHaveLength(0);
    expect(into.firstChild?.firstChild).toBe(first);
  });

  it("is the same whatever its pieces are", () => {
    const text = Array.from({ length: 3_000 }, (_, n) => `word ${n}${n % 7 === 0 ? "\n" : " "}`).join("");
    const lines = (into: HTMLElement) => [...into.children].map((block) => block.textContent).join("\n");
    const whole = page();
    new Writer(whole).write(text, true);
    expect(lines(whole)).toBe(text);
    expect(whole.children.length).toBeGreaterThan(3);
    for (const size of [1, 17, 4_096]) {
      const into = page();
      const writer = new Writer(into);
      for (let at = 0; at < text.length; at += size) writer.write(text.slice(0, at + size), false);
      writer.write(text, true);
      expect(lines(into)).toBe(text);
    }
  });

  it("shows what was held back once it is complete", () => {
    const into = page();
    const writer = new Writer(into);
    writer.write("a\u001b[3", false);
    expect(into.textContent).toBe("a");
    writer.write("a\u001b[31mred", true);
    expect(into.textContent).toBe("ared");
  });

  it("begins on an empty page", () => {
    const into = page();
    new Writer(into).write("old", true);
    new Writer(into).write("new", true);
    expect(into.textContent).toBe("new");
  });
});
