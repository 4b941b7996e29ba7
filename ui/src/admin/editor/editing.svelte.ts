/** An edit of the configuration file: seen first as a difference, then written, and never over somebody else's. */
import { answered, api, ApiError, type Schema } from '$lib/api/client';
import { sentence } from '$lib/problem';
import { between, parse, type Line } from './diff';
import type { Change } from './form';
import type { Problem } from './problems';

type Edited = Schema<'ConfigurationEdited'>;
type Send = (base: string, dry: boolean) => Promise<Edited>;

/** told is what to say about a failed edit: of a refusal the server knows more than we. */
export const told = (error: unknown): string => (error instanceof ApiError && (error.status === 403 || error.status === 409 || error.status === 400) && error.message ? error.message : sentence(error));

export class Editing {
  /** The file as it was read last; what is edited is the text of its base. */
  file = $state.raw<Schema<'ConfigurationFile'>>();
  /** What an edit would change, once it was tried. */
  reviewed = $state.raw<Line[]>();
  problems = $state.raw<Problem[]>([]);
  /** What an edit with problems would have changed, where that could be told. */
  refused = $state.raw<Line[]>();
  failure = $state.raw<unknown>();
  busy = $state(false);
  /** The file was changed by somebody else: what they changed. */
  conflict = $state.raw<Line[]>();

  private newer: Schema<'ConfigurationFile'> | undefined;
  private pending: Send | undefined;

  constructor(private readonly read: () => Promise<Schema<'ConfigurationFile'>> = async () => answered(await api.GET('/api/v1/configuration/file'))) {}

  /** load reads the file, after which an edit starts from it. It throws when that fails. */
  async load(): Promise<void> {
    this.file = await this.read();
    this.forget();
  }

  /** forget takes back what was said about an edit. */
  forget(): void {
    this.reviewed = this.refused = this.failure = this.conflict = this.newer = this.pending = undefined;
    this.problems = [];
  }

  /** review tries changes without writing anything. It is true when they can be made. `revised`: what was seen so far stays meanwhile. */
  async review(changes: Change[], { revised = false } = {}): Promise<boolean> {
    return this.reviewWith((base, dry) => send(base, changes, dry), revised);
  }

  /** reviewWith does it for another kind of edit, such as going back to a version. */
  async reviewWith(how: Send, revised = false): Promise<boolean> {
    if (!revised) this.forget();
    this.pending = how;
    const edited = await this.run(true);
    if (edited) this.reviewed = parse(edited.diff);
    return edited !== undefined;
  }

  /** save writes what was reviewed. It is true when that is in force. */
  async save(): Promise<boolean> {
    const edited = await this.run(false);
    if (!edited?.applied) return false;
    this.pending = this.reviewed = undefined;
    if (this.file) this.file = { ...this.file, base: edited.base };
    return true;
  }

  /** again takes the file as it is now, and tries the same edit on it. */
  async again(): Promise<boolean> {
    const how = this.pending;
    if (!how || !this.newer) return false;
    this.file = this.newer;
    return this.reviewWith(how);
  }

  private async run(dry: boolean): Promise<Edited | undefined> {
    if (!this.pending || !this.file || this.busy) return undefined;
    this.busy = true;
    this.failure = this.conflict = this.refused = undefined;
    this.problems = [];
    try {
      const edited = await this.pending(this.file.base, dry);
      this.problems = edited.problems;
      if (!edited.problems.some((p) => p.severity === 'error')) return edited;
      this.reviewed = undefined;
      const lines = parse(edited.diff);
      if (lines.length > 0) this.refused = lines;
    } catch (error) {
      this.reviewed = undefined;
      await this.explain(error);
    } finally {
      this.busy = false;
    }
    return undefined;
  }

  /** explain finds out whether the file was changed meanwhile, and what. */
  private async explain(error: unknown): Promise<void> {
    const file = this.file!;
    if (error instanceof ApiError && error.status === 409) {
      const newer = await this.read().catch(() => undefined);
      if (newer && newer.base !== file.base) {
        this.newer = newer;
        this.conflict = between(file.text, newer.text);
        return;
      }
    }
    this.failure = error;
  }
}

async function send(base: string, changes: Change[], dry_run: boolean): Promise<Edited> {
  return answered(await api.PATCH('/api/v1/configuration', { body: { base, changes, dry_run } }));
}
