import type {
  FindRequest,
  FindResponse,
  IntrospectionRequest,
  IntrospectionResponse,
  TransactionRequest,
  TransactionResponse,
} from '../../token-store/contract.ts';

/**
 * What auth asks of the token-store. Every function rejects when no answer could be had, whatever the reason; a commit
 * that rejects may or may not have been made.
 */
export type TokenStorePort = {
  find(request: FindRequest): Promise<FindResponse>;
  commit(request: TransactionRequest): Promise<TransactionResponse>;
  introspect(request: IntrospectionRequest): Promise<IntrospectionResponse>;
};
