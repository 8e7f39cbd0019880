from inngest.sdk.steps.gateway_arguments import BaseAdapter as BaseAdapter
