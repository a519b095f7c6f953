/** WebSockets in Node, by `ws`: Node 20 has none of its own, and later ones set no headers. */

import { WebSocket } from "ws";

import type { Connect } from "./websocket.js";

/** How long the upgrade may take, in milliseconds. */
const HANDSHAKE_MS = 10_000;

export const connect: Connect = ({ url, protocol, token }, listener) => {
  const socket = new WebSocket(url, protocol, {
    headers: token ? { authorization: `Bearer ${token}` } : {},
    handshakeTimeout: HANDSHAKE_MS,
    perMessageDeflate: false,
  });
  let over = false;
  const close = (code: number, reason: string, status?: number) => {
    if (over) return;
    over = true;
    listener.close(code, reason, status);
  };
  socket.on("open", () => {
    if (!over) listener.open();
  });
  socket.on("message", (data: Buffer) => {
    // A Buffer, unless `binaryType` says otherwise.
    if (!over) listener.message(data.toString("utf8"));
  });
  socket.on("unexpected-response", (_request, response) => {
    const status = response.statusCode ?? 0;
    close(1006, `the upgrade was answered with ${status}`, status);
    socket.terminate();
  });
  socket.on("error", (error) => {
    close(1006, error.message || error.name);
  });
  socket.on("close", (code, reason) => {
    close(code, reason.toString("utf8"));
  });
  return {
    send: (text) => {
      socket.send(text, () => undefined); // A failed send is followed by `close`.
    },
    end: () => {
      over = true;
      socket.terminate();
    },
  };
};
