import { Component, type ReactNode } from "react";

import { brokenPage, Problem } from "../api/problem";
import { ProblemCard } from "./States";

interface Props {
  children: ReactNode;
}

/** A page that fails shows a problem in its own place; the header and the other pages stay. */
export class Boundary extends Component<Props, { problem: Problem | null }> {
  override state: { problem: Problem | null } = { problem: null };

  static getDerivedStateFromError(error: unknown) {
    return { problem: new Problem({ title: "", status: brokenPage, detail: String(error) }) };
  }

  override render() {
    if (!this.state.problem) return this.props.children;
    return <ProblemCard problem={this.state.problem} onRetry={() => this.setState({ problem: null })} />;
  }
}
