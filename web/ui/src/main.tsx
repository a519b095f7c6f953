// Where the page begins.

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./app/app";
import { applyTheme, storedTheme } from "./app/theme";
import { LiveProvider } from "./live/context";
import { Live, socketUrl } from "./live/socket";

import "./ui/tokens.css";
import "./ui/base.css";
import "./ui/controls.css";
import "./app/app.css";

applyTheme(storedTheme());

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");

const live = new Live(socketUrl(location));

createRoot(root).render(
  <StrictMode>
    <LiveProvider live={live}>
      <App />
    </LiveProvider>
  </StrictMode>,
);
