// What `rtcnode certificates` is told: flags first, then the environment, then defaults, as with `rtcnode run`.
import { z } from 'zod'
import {
  type ConfigOf,
  endpoints,
  kubeconfig,
  list,
  logLevel,
  objectName,
  registryPrefix,
  type SettingsTable,
} from '../config.ts'

const days = z.coerce.number().positive().max(3_650)

export const certificatesSettings = {
  kubeconfig,
  namespace: { schema: objectName.default('rtcnode-system'), help: 'where the registry runs' },
  registryName: {
    schema: objectName.default('rtcnode-registry'),
    help: 'its Secrets are <name>-ca, <name>-server and <name>-operator, its StatefulSet is <name>',
  },
  registryHosts: { schema: list, help: "names and addresses in the server's certificate" },
  registryEndpoints: { schema: endpoints, help: 'the registry, to set up its users' },
  registryPrefix: { schema: registryPrefix, help: 'prefix of all registry keys' },
  sfuNamespaces: { schema: list, help: 'namespaces of SFUs; each has a certificate and a user of its own' },
  sfuSecret: { schema: objectName.default('rtcnode-registry'), help: 'the Secret of each SFU namespace' },
  issuer: {
    schema: z.enum(['own', 'cert-manager']).default('own'),
    help: 'own: an authority in <name>-ca; cert-manager: it writes the Secrets, here they are only handed on',
  },
  ownerRole: {
    schema: objectName.optional(),
    help: 'Role that is there in each of the namespaces; the Secrets are deleted with it',
  },
  certificateDays: { schema: days.default(90), help: 'how long a certificate is valid' },
  renewDays: { schema: days.default(30), help: 'so long before its end it is renewed' },
  waitSeconds: {
    schema: z.coerce.number().min(0).max(3_600).default(300),
    help: 'how long to wait for the registry to answer',
  },
  logLevel,
} as const satisfies SettingsTable

export type CertificatesConfig = ConfigOf<typeof certificatesSettings>

export const certificatesInconsistencies = ({ certificateDays, renewDays }: CertificatesConfig): readonly string[] =>
  renewDays < certificateDays
    ? []
    : [`--renew-days is ${renewDays}: make it less than --certificate-days (${certificateDays})`]
