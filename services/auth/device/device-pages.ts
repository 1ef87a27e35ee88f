import type { Client, ErrorOut, KoaContextWithOIDC } from 'oidc-provider';
import type { ClientRegistration } from '../../shared/contracts/client-registration.ts';
import type { Pages } from '../pages/pages.ts';
import { texts } from '../pages/texts.ts';
import { setPage } from '../provider/provider-pages.ts';
import type { ProviderContext, ProviderNext } from '../unit-of-work/provider-context.ts';

/** The pages of oidc-provider's device flow; the forms that it has made, and their scripts, are not used. */
export type DevicePages = {
  renderInput(context: KoaContextWithOIDC, form: string, out?: ErrorOut, error?: Error & { userCode?: string }): void;
  renderConfirmation(
    context: KoaContextWithOIDC,
    form: string,
    client: Client,
    deviceInfo: unknown,
    userCode: string,
  ): void;
  renderDone(context: KoaContextWithOIDC): void;
  /** The first page with the code that a device has put into its address (`verification_uri_complete`). */
  renderPrefilled(context: ProviderContext, userCode: string): void;
};

type Complaint = { notice?: string; problem?: string };

/** Codes that are wrong, expired or used get one answer: whoever guesses learns nothing from it. */
const complaintAbout = (error: Error | undefined): Complaint => {
  switch (error?.name) {
    case undefined:
      return {};
    case 'AbortedError':
      return { notice: texts.device.aborted };
    case 'NoCodeError':
      return { problem: texts.device.empty };
    case 'NotFoundError':
    case 'ExpiredError':
    case 'AlreadyUsedError':
      return { problem: texts.device.wrong };
    default:
      return { notice: texts.device.failed };
  }
};

export const createDevicePages = ({
  pages,
  findClient,
  correlationIdOf,
}: {
  pages: Pages;
  findClient: (clientId: string) => ClientRegistration | undefined;
  /** The id that the log entry of this request's error carries. */
  correlationIdOf: (context: object) => string;
}): DevicePages => {
  const nameOf = ({ clientId }: { clientId: string }): string => findClient(clientId)?.clientName ?? clientId;

  const formOf = ({ oidc }: Pick<KoaContextWithOIDC, 'oidc'>) => ({
    action: oidc.urlFor('code_verification'),
    xsrf: String(oidc.session?.state?.['secret'] ?? ''),
  });

  const render = (context: KoaContextWithOIDC, code: string, { notice, problem }: Complaint): void => {
    setPage(context, pages.render('device-code', { ...formOf(context), code, notice, problem }));
  };

  /**
   * A form that came without a session's cookie. The library binds a new form to a session that was never saved, and fails
   * when it saves that: its sessions are written by then. There is nothing to bind a form to.
   */
  const refuseWithoutSession = (context: KoaContextWithOIDC): void => {
    if (context.oidc.session !== undefined) Reflect.set(context.oidc.session, 'touched', false);
    const correlationId = correlationIdOf(context);
    setPage(context, pages.render('error', { message: texts.device.noSession, detail: undefined, correlationId }));
  };

  return {
    renderInput: (context, _form, _out, error) => {
      if (error !== undefined && context.oidc.session?.exp === undefined) {
        refuseWithoutSession(context);
        return;
      }
      const complaint = complaintAbout(error);
      if (complaint.problem !== undefined) context.status = 400;
      render(context, error?.userCode ?? '', complaint);
    },
    renderConfirmation: (context, _form, client, _deviceInfo, code) => {
      setPage(context, pages.render('device-confirm', { ...formOf(context), code, application: nameOf(client) }));
    },
    renderDone: (context) => {
      const { client } = context.oidc;
      if (client !== undefined) setPage(context, pages.render('device-done', { application: nameOf(client) }));
    },
    renderPrefilled: (context, code) => {
      const form = formOf({ oidc: context.oidc });
      setPage(context, pages.render('device-code', { ...form, code, notice: undefined, problem: undefined }));
    },
  };
};

/** The code of a device is at most this long in an address; what is longer is none. */
const maxCodeLength = 32;

/**
 * The library answers an address with a code by a form that sends itself by script. A person is to look at the code
 * anyway, so they get the page with the code in its field.
 */
export const createDeviceCodePrefill =
  ({ renderPrefilled }: DevicePages) =>
  async (context: ProviderContext, next: ProviderNext): Promise<void> => {
    await next();
    const { route, params } = context.oidc ?? {};
    const code: unknown = params?.['user_code'];
    if (route !== 'code_verification' || context.method !== 'GET' || context.status !== 200) return;
    if (typeof code === 'string' && code !== '') renderPrefilled(context, code.slice(0, maxCodeLength));
  };
